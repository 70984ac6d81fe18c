# LMTP under what a broken or hostile client may do; see lmtp.py.
exec /usr/bin/python3 -B "$(dirname "$0")/lmtp.py"
