# Days go by: temporary failures, and the age of a return path; see days.py.
exec /usr/bin/python3 -B "$(dirname "$0")/days.py"
