# Forged reports change nothing; see forged.py.
exec /usr/bin/python3 -B "$(dirname "$0")/forged.py"
