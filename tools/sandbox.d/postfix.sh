# shellcheck shell=bash disable=SC2154  # dir and ports: set by sandbox
# The sandbox's Postfix: an instance of its own in DIR/live/postfix, wired by the
# very lines of conf/postfix.

# Takes away what asks a daemon that is not there.
only_wired() {
	local drop=()
	wired todoku-milter || drop+=(-e '/^  -o smtpd_milters=/d' -e '/^  -o milter_macro_daemon_name=/d')
	wired todoku-policyd || drop+=(-e 's|check_policy_service,unix:[^ ]*/policyd\.sock||')
	sed "${drop[@]}" -e '' "$@"
}

# The snippets' ports and sockets are those of an installed system.
localise() {
	sed -e "s|/run/todoku/|$base/sock/|g" -e "s|127\.0\.0\.1:2525 |127.0.0.1:$smtp_port |" \
		-e "s|127\.0\.0\.1:2526 |127.0.0.1:$inline_port |" -e "s|127\.0\.0\.1\(\]\{0,1\}\):10026|127.0.0.1\1:$reinject_port|"
}

# The daemons hand in mail as well (sendmail), and aren't root: to such a caller the
# system's set-gid postdrop allows no configuration but the system's own.  Ours is a
# copy without that, and the queue's entrance belongs to the daemons' group.
postfix_commands() {
	local bin=$base/postfix/bin command
	mkdir -p "$bin"
	for command in "$(dirname "$(type -P postdrop)")"/post*; do
		ln -sfn "$command" "$bin/${command##*/}"
	done
	rm -f "$bin/postdrop"
	install -m 755 "$(type -P postdrop)" "$bin/postdrop"
}

postfix_configure() {
	local etc=$base/postfix/etc main=(common.main.cf split.main.cf)
	mkdir -p "$etc" "$spool" "$base/postfix/data"
	chown postfix "$base/postfix/data"
	chmod 700 "$base/postfix/data"
	postfix_commands
	! wired todoku-bounced || main+=(bounced.main.cf)
	{
		sed -e "s|@LIVE@|$base|g" -e "s|@DIR@|$dir|g" -e "s|@SINK_PORT@|$sink_port|" "$parts/main.cf.in"
		cat "${main[@]/#/$snippets/}" | localise
	} >"$etc/main.cf"
	{
		cat "$parts/master.cf.in"
		only_wired "$snippets"/{sendmail,dsn,port,split,inline}.master.cf | localise
	} >"$etc/master.cf"
}

postfix_start() {
	printf 'postfix\n' >>"$dir/run/daemons"
	postfix -c "$base/postfix/etc" start </dev/null >>"$dir/log/postfix-start.log" 2>&1 \
		{port_lock}>&- {folder_lock}<&- || fail 70 "Postfix does not start"
	chgrp postfix "$spool/maildrop" "$spool/public"
}
