# The todoku command on addresses, events and figures; see tools.py.
exec /usr/bin/python3 -B "$(dirname "$0")/tools.py"
