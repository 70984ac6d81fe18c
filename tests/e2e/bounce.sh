# What comes back, by Postfix's own reports; see bounce.py.
exec /usr/bin/python3 -B "$(dirname "$0")/bounce.py"
