# From sending to leaving, through all daemons; see journey.py.
exec /usr/bin/python3 -B "$(dirname "$0")/journey.py"
