# Over a day's quota: held or deferred, released in order, none lost or doubled; see quota.py.
exec /usr/bin/python3 -B "$(dirname "$0")/quota.py"
