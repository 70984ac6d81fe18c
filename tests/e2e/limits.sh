# Huge, deep and malformed mail; see limits.py.
exec /usr/bin/python3 -B "$(dirname "$0")/limits.py"
