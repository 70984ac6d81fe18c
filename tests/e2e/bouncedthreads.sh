# Threads of todoku-bounced under ThreadSanitizer; see bouncedthreads.py.
exec /usr/bin/python3 -B "$(dirname "$0")/bouncedthreads.py"
