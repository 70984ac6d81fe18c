# Requests that no browser makes; see web_hostile.py.
exec /usr/bin/python3 -B "$(dirname "$0")/web_hostile.py"
