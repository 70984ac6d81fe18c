# Bounces open a stream's breaker, and its mail waits; see breaker.py.
exec /usr/bin/python3 -B "$(dirname "$0")/breaker.py"
