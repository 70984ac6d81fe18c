# A hundred sessions and reloads under ThreadSanitizer; see threads.py.
exec /usr/bin/python3 -B "$(dirname "$0")/threads.py"
