# Mail that others wrote, through a real Postfix; see corpus.py.
exec /usr/bin/python3 -B "$(dirname "$0")/corpus.py" "$@"
