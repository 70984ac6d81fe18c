#!/bin/bash
# What is too old goes; see expire.py.
exec /usr/bin/python3 -B "$(dirname "$0")/expire.py"
