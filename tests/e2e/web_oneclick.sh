# One-click unsubscribes; see web_oneclick.py.
exec /usr/bin/python3 -B "$(dirname "$0")/web_oneclick.py"
