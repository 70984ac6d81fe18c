# Leaving and joining by the pages, with real mail on both sides; see unsubscribe.py.
exec /usr/bin/python3 -B "$(dirname "$0")/unsubscribe.py"
