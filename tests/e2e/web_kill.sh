# kill -9 and a store that is away, under clicks; see web_kill.py.
exec /usr/bin/python3 -B "$(dirname "$0")/web_kill.py"
