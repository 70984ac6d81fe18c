# The end-to-end oracle finds each kind of damage; see test_compare.py.
exec /usr/bin/python3 -B "$(dirname "$0")/test_compare.py"
