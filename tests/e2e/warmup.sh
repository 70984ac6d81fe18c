# Warm-up from the calendar to the day after, with policyd and the command; see warmup.py.
exec /usr/bin/python3 -B "$(dirname "$0")/warmup.py"
