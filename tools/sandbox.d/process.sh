# shellcheck shell=bash disable=SC2154  # dir, spool, live: set by sandbox
# The sandbox's processes: starting, finding, awaiting and ending them.
#
# A process of ours is known by its environment, TODOKU_SANDBOX=DIR, or, since
# Postfix cleans that, by its current folder, which is this instance's queue.
# Process ids in files are never trusted alone: they may be another's by now.

lock_folder=/run/lock
[ -d "$lock_folder" ] || lock_folder=/tmp

# One start or stop at a time for this folder.
lock_folder_of_sandbox() {
	exec {folder_lock}<"$dir"
	flock -w 60 "$folder_lock" || fail 75 "$dir: another start or stop is under way"
}

processes() {
	{
		grep -lzsxF "TODOKU_SANDBOX=$dir" /proc/[0-9]*/environ || true
		find /proc/[0-9]*/cwd -maxdepth 0 '(' -lname "$spool" -o -lname "$spool (deleted)" ')' 2>/dev/null || true
	} | cut -d/ -f3 | sort -u
}

# spawn NAME COMMAND...: kept running until stop, as by systemd's Restart=always
spawn() {
	local name=$1
	shift
	printf '%s\n' "$name" >>"$dir/run/daemons"
	TODOKU_SANDBOX=$dir setsid --fork bash "$parts/supervise" "$dir/run/$name" "$@" \
		</dev/null >>"$dir/log/$name.log" 2>&1 {port_lock}>&- {folder_lock}<&-
}

# Prints the process id of a daemon that runs.
daemon_pid() {
	local pid
	if [ "$1" = postfix ]; then
		pid=$(tr -d ' ' 2>/dev/null <"$spool/pid/master.pid") || return 1
	else
		pid=$(cat "$dir/run/$1.pid" 2>/dev/null) || return 1
	fi
	processes | grep -x "$pid" >/dev/null && printf '%s\n' "$pid"
}

# await NAME COMMAND...: until the command succeeds; fails when the daemon has
# ended or ten seconds have passed
await() {
	local name=$1 end=$((SECONDS + 10))
	shift
	until "$@" && { [ "$name" = postfix ] || [ -s "$dir/run/$name.pid" ]; }; do
		[ ! -e "$dir/run/$name.ended" ] || fail 70 "$name ended at once: see its log"
		[ $SECONDS -lt $end ] || fail 70 "$name does not answer"
		sleep 0.02
	done
}

port_answers() {
	(: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Does a server greet there?  smtpd does only when its configuration is good.
smtp_answers() (
	exec {server}<>"/dev/tcp/127.0.0.1/$1" || exit 1
	read -r -t 2 greeting <&"$server" || exit 1
	printf 'QUIT\r\n' >&"$server"
	[[ $greeting == 220* ]]
) 2>/dev/null

# Is somebody listening?  (__SO_ACCEPTCON: exactly then connect() succeeds.)
socket_answers() {
	grep -qE ": [0-9A-F]+ [0-9A-F]+ 00010000 .* $1\$" /proc/net/unix
}

await_port() {
	await "$1" port_answers "$2"
}

await_smtp() {
	await "$1" smtp_answers "$2"
}

await_socket() {
	await "$1" socket_answers "$2"
}

show_logs() {
	local log
	for log in "$dir"/log/*.log; do
		[ -s "$log" ] || continue
		printf '==> %s\n' "$log" >&2
		tail -n 20 "$log" >&2
	done
}

end_supervisors() {
	local file pid
	for file in "$dir"/run/*.supervisor; do
		[ -e "$file" ] || continue
		pid=$(<"$file")
		if processes | grep -x "$pid" >/dev/null; then
			kill -KILL "$pid" 2>/dev/null || true
		fi
	done
}

# signal_all SIGNAL: false when no process is left
signal_all() {
	local pids
	mapfile -t pids < <(processes)
	[ ${#pids[@]} -gt 0 ] || return 1
	kill "-$1" "${pids[@]}" 2>/dev/null || true
}

# Supervisors first, so that nothing comes back; then a moment to end by
# oneself (libmilter takes seconds, and gets none); then the rest.
stop_all() {
	local i
	end_supervisors
	if signal_all TERM; then
		for ((i = 0; i < 10; i++)); do
			[ -n "$(processes)" ] || break
			sleep 0.05
		done
	fi
	for ((i = 0; i < 200; i++)); do
		signal_all KILL || break
		sleep 0.05
	done
	[ -z "$(processes)" ] || fail 71 "$dir: processes don't end: $(processes | paste -sd' ')"
	rm -f "$dir"/run/*
	bring_live_home
}
