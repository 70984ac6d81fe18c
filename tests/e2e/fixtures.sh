# The project's own messages through a real Postfix; see fixtures.py.
exec /usr/bin/python3 -B "$(dirname "$0")/fixtures.py"
