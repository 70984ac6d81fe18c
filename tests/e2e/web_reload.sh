# Reloads, certificates, full disks, stop; see web_reload.py.
exec /usr/bin/python3 -B "$(dirname "$0")/web_reload.py"
