# Ten thousand wrong tokens; see web_abuse.py.
exec /usr/bin/python3 -B "$(dirname "$0")/web_abuse.py"
