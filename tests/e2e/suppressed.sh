# Who left or is blocked gets no more mail; see suppressed.py.
exec /usr/bin/python3 -B "$(dirname "$0")/suppressed.py"
