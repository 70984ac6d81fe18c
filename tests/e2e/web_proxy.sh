# Behind the real nginx and Caddy, by the samples of conf/; see web_proxy.py.
exec /usr/bin/python3 -B "$(dirname "$0")/web_proxy.py"
