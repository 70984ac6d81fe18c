# Click, open and convert from real mail; see web_track.py.
exec /usr/bin/python3 -B "$(dirname "$0")/web_track.py"
