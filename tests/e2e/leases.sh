# Three policyds on one store, 200 clients, kill -9: never over quota; see leases.py.
exec /usr/bin/python3 -B "$(dirname "$0")/leases.py"
