# Reload, stop, and faults while the milter runs; see reload.py.
exec /usr/bin/python3 -B "$(dirname "$0")/reload.py"
