#!/bin/bash
# The sandbox itself: wiring, bytes, bounces, restarts, and that nothing is left.
# Daemons of todoku are played by stand-ins, except in the last part.
# shellcheck disable=SC2317  # called by await and trap
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
src=${TODOKU_SRC:-$here/../..}
build=$(realpath -m "${TODOKU_BUILD:-$src/build}")
sandbox=$src/tools/sandbox
work=$(mktemp -d)
number=0
failed=0
folders=()

end() {
	local folder
	for folder in "${folders[@]}"; do
		"$sandbox" stop "$folder"
	done
	rm -rf "$work"
}

# is WANT GOT NAME
is() {
	number=$((number + 1))
	if [ "$1" = "$2" ]; then
		echo "ok $number - $3"
	else
		failed=1
		echo "not ok $number - $3"
		printf 'want: %s\ngot:  %s\n' "$1" "$2" | sed 's/^/# /'
	fi
}

# A session with the server's replies awaited; prints the first that refuses,
# else the last.  XCLIENT holds the attributes of a client to play.
submit() { # HOST:PORT SENDER RECIPIENT... <MESSAGE
	local out reply='' recipient
	exec {out}<>"/dev/tcp/${1%:*}/${1#*:}" || return
	answer() {
		while read -r -t 20 reply <&"$out" && [[ $reply == ???-* ]]; do :; done
		reply=${reply%$'\r'}
		[[ $reply == [23]* ]]
	}
	tell() {
		printf '%s\r\n' "$1" >&"$out"
		answer
	}
	{
		answer && tell 'EHLO client.test' &&
			{ [ -z "${XCLIENT-}" ] || { tell "XCLIENT $XCLIENT" && tell 'EHLO client.test'; }; } &&
			tell "MAIL FROM:<$2> BODY=8BITMIME"
	} || { echo "$reply" && return; }
	for recipient in "${@:3}"; do
		tell "RCPT TO:<$recipient>" || { echo "$reply" && return; }
	done
	tell DATA || { echo "$reply" && return; }
	sed 's/^\./../' >&"$out"
	tell . || :
	echo "${reply%%:*}"
	tell QUIT
	exec {out}>&-
}

# await SECONDS COMMAND...: until it succeeds
await() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -le $end ] || return 1
		sleep 0.05
	done
}

mails() {
	find "$1/sink" -name '*.json' | wc -l
}

has_mails() { # FOLDER N
	[ "$(mails "$1")" -ge "$2" ]
}

# The envelopes of a sandbox's mail from the N-th on, sorted, in short.
envelopes() { # FOLDER N
	local i
	for ((i = $2; i <= $(mails "$1"); i++)); do
		sed 's/{"mail_from": "\(.*\)", "rcpt_to": \[\(.*\)\]}/\1>\2/; s/[" ]//g' "$1/sink/$i.json"
	done | sort | paste -sd' '
}

body() {
	sed '1,/^\r*$/d' "$1"
}

# The values of one sandbox's env.
get() { # FOLDER NAME
	# shellcheck disable=SC1091
	(. "$1/env" && echo "${!2-unset}")
}

start() { # [OPTION...] FOLDER
	folders+=("${!#}")
	timeout 60 "$sandbox" start "$@"
}

# Processes that have to do with a folder, found without the sandbox's help.
left() { # FOLDER...
	local folder proc
	for folder; do
		for proc in /proc/[0-9]*; do
			[ "${proc#/proc/}" != $$ ] || continue
			if [[ $(readlink "$proc/cwd") == "$folder"* ]] ||
				{ tr '\0' '\n' <"$proc/environ" | grep -F "=$folder" >/dev/null; }; then
				echo "${proc#/proc/}"
			fi
		done 2>/dev/null
	done
}

# Stand-ins.  A daemon that listens where the configuration says (and does no
# more), and a `todoku` that makes keys that look like some.
make_stand_ins() { # FOLDER DAEMON...
	local folder=$1 name
	mkdir -p "$folder"
	ln -sf "$build/todoku-sink" "$folder/todoku-sink"
	cat >"$folder/todoku" <<-'STUB'
		#!/bin/bash
		[ "$1" != -c ] || { conf=$2 && shift 2; }
		case "$1 ${2-}" in
		'key init') echo key >"$3" ;;
		'dkim keygen') echo "$6" >"${@: -1}" ;;
		'dkim record') echo "v=DKIM1; k=$(cat "$3"); p=" ;;
		'check --no-dns') ! grep -n nonsense "$conf" | sed "s|^|$conf:|; s|:nonsense.*|: found \"nonsense\"|" | grep . ;;
		esac
	STUB
	cat >"$folder/listen" <<-'STUB'
		#!/usr/bin/python3
		import re, socket, sys
		name = sys.argv[0].rsplit("-", 1)[1]
		section = re.search(r"(?ms)^%s +\{(.*?)(?=^[a-z])" % name, open(sys.argv[3]).read()).group(1)
		held = []
		for kind, where in re.findall(r'listen *= "(unix:)?([^"]*)"', section):
		    if kind:
		        held.append(socket.socket(socket.AF_UNIX))
		        held[-1].bind(where)
		    else:
		        held.append(socket.create_server(("127.0.0.1", int(where.split(":")[1]))))
		    held[-1].listen()
		sys.stdin.buffer.read() if sys.stdin.isatty() else __import__("signal").pause()
	STUB
	chmod +x "$folder"/{todoku,listen}
	shift
	for name; do
		cp "$folder/listen" "$folder/todoku-$name"
	done
}

[ -x "$build/todoku-sink" ] || { echo "not ok 1 - there is $build/todoku-sink" && exit 1; }
[ $EUID -eq 0 ] || { echo 'not ok 1 - run by root' && exit 1; }
type -P postfix >/dev/null || { echo 'not ok 1 - Postfix is installed' && exit 1; }
trap end EXIT
touch "$work/started"
make_stand_ins "$work/none"
export TODOKU_BUILD=$work/none

a=$work/a
start --no-milter "$a"
is 0 $? 'starts without a milter'
[ $failed -eq 0 ] || { echo "Bail out! no sandbox to test with" && exit 1; }
is 'BASE_URL CONF DKIM_DNS POSTFIX_CONFIG SENDMAIL SINK SMTP SMTP_INLINE TODOKU' \
	"$(cut -d= -f1 "$a/env" | sort | paste -sd' ')" 'names in env'
is 'todoku-sink postfix' "$("$sandbox" status "$a" | sed 's/: runs.*//' | paste -sd' ')" 'status names what runs'
is '' "$(postconf -c "$(get "$a" POSTFIX_CONFIG)" -n 2>&1 >/dev/null)" 'Postfix knows every parameter'
is '' "$(postconf -c "$(get "$a" POSTFIX_CONFIG)" -P 2>&1 | grep -v '= *$' | grep -E 'milter|policy|warning')" 'no milter, no policy'
timeout 60 "$sandbox" start --no-milter "$a" 2>/dev/null
is 75 $? 'a second start in the same folder is refused'
is 0 "$("$sandbox" status "$a" >/dev/null; echo $?)" '... and does the first no harm'

smtp=$(get "$a" SMTP)
inline=$(get "$a" SMTP_INLINE)
sendmail=$(get "$a" SENDMAIL)

# Who gets what: split one recipient a copy, inline in one go.
n=1
while IFS='|' read -r name port recipients count want; do
	# shellcheck disable=SC2086
	is '250 2.0.0 Ok' "$(printf 'Subject: x\r\n\r\nx\r\n' | submit "${!port}" app@example.com $recipients)" "$name: taken"
	await 10 has_mails "$a" $((n + count - 1))
	is "$want" "$(envelopes "$a" "$n")" "$name: copies"
	n=$((n + count))
done <<'TABLE'
split, 1 recipient|smtp|a@x.jp|1|app@example.com>a@x.jp
split, 3 recipients|smtp|a@x.jp b@x.jp c@y.jp|3|app@example.com>a@x.jp app@example.com>b@x.jp app@example.com>c@y.jp
inline, 1 recipient|inline|a@x.jp|1|app@example.com>a@x.jp
inline, 3 recipients|inline|a@x.jp b@x.jp c@y.jp|1|app@example.com>a@x.jp,b@x.jp,c@y.jp
split, bounce|smtp|a@x.jp b@reply-550-5.1.1.test|2|>app@example.com app@example.com>a@x.jp
split, bounce after DATA|smtp|b@data-554-5.7.1.test|1|>app@example.com
inline, bounce|inline|b@reply-550-5.1.1.test|1|>app@example.com
bounce domain|smtp|b+TOKEN@bounce.example.com|1|app@example.com>b+TOKEN@bounce.example.com
TABLE
is 'Status: 5.1.1' "$(grep -h '^Status:' "$a/sink/$((n - 2)).eml" | tr -d '\r')" 'the bounce says what the sink said'

printf 'To: a@x.jp\nBcc: b@x.jp\nSubject: x\n\nx\n' | $sendmail -t -f app@example.com
await 10 has_mails "$a" $((n + 1))
is 'app@example.com>a@x.jp app@example.com>b@x.jp' "$(envelopes "$a" "$n")" 'sendmail(1): split too'
n=$((n + 2))

# The wiring of all mail: not even then does the reinject smtpd filter again.
etc=$(get "$a" POSTFIX_CONFIG)
reinject=$(postconf -c "$etc" -M | awk '$1 ~ /^127/ && $7 == 50 { print $1 }')
postconf -c "$etc" -e "content_filter = splitter:[127.0.0.1]:${reinject#*:}"
postfix -c "$(readlink -f "$etc")" reload 2>/dev/null
printf 'Subject: x\r\n\r\nx\r\n' | submit "$inline" app@example.com a@x.jp b@x.jp >/dev/null
printf 'Subject: x\r\n\r\nx\r\n' | submit "$smtp" app@example.com a@x.jp b@x.jp >/dev/null
await 10 has_mails "$a" $((n + 2))
is 'app@example.com>a@x.jp app@example.com>a@x.jp,b@x.jp app@example.com>b@x.jp' "$(envelopes "$a" "$n")" 'all mail split: once'
n=$((n + 3))

# Bytes: what was submitted is what arrives.
bytes=$work/bytes
{
	printf 'Subject: x\r\nX-Long: '
	head -c 1000000 /dev/zero | tr '\0' h
	printf '\r\n\r\n.\r\n..\r\n.a\r\n\303\251\377\201\r\n \r\n'
	head -c 100000 /dev/zero | tr '\0' b
	printf '\r\ntrailing \t\r\n\r\n'
} >"$bytes"
for port in smtp inline; do
	is '250 2.0.0 Ok' "$(submit "${!port}" app@example.com a@x.jp <"$bytes")" "bytes, $port: taken"
	await 20 has_mails "$a" "$n"
	is "$(body "$bytes" | cksum)" "$(body "$a/sink/$n.eml" | cksum)" "bytes, $port: body, long lines, 8-bit, dots"
	is 1000008 "$(grep -a '^X-Long' "$a/sink/$n.eml" | tr -d '\r\n' | wc -c)" "bytes, $port: a header line of a megabyte"
	n=$((n + 1))
done

is '250 2.0.0 Ok' "$(printf 'Subject: x\r\n\r\nx\r\n' |
	XCLIENT='ADDR=203.0.113.7 NAME=far.example.net LOGIN=joe' submit "$smtp" app@example.com a@x.jp)" 'a client from afar, with a login'
await 10 has_mails "$a" "$n"
is 1 "$(grep -c 'client=far.example.net\[203.0.113.7\], sasl_method=XCLIENT, sasl_username=joe' "$a/log/postfix.log")" \
	'Postfix takes it for such'
n=$((n + 1))

# What is deferred is tried again soon, also when the sink was gone.
tried_thrice() {
	[ "$(grep -c 'to=<later@tempfail.test>.*status=deferred' "$a/log/postfix.log")" -ge 3 ]
}
printf 'Subject: x\r\n\r\nx\r\n' | submit "$inline" app@example.com later@tempfail.test >/dev/null
await 20 tried_thrice
is 0 $? 'deferred mail is tried again within seconds'
old=$(cat "$a/run/todoku-sink.pid")
kill -9 "$old"
printf 'Subject: x\r\n\r\nx\r\n' | submit "$smtp" app@example.com a@x.jp >/dev/null
await 20 has_mails "$a" "$n"
is 'app@example.com>a@x.jp' "$(envelopes "$a" "$n")" 'a killed daemon comes back, and the mail with it'
is different "$([ "$old" = "$(cat "$a/run/todoku-sink.pid")" ] || echo different)" '... under its new process id'

# Several at once; one in a folder that others can't enter, with a long name.
b=$work/b/$(printf 'x%.0s' {1..100})
start --no-milter "$b"
is 0 $? 'a second sandbox, folder name over a hundred characters'
is '' "$(cut -d= -f2 "$a/env" "$b/env" | grep '^127' | sort | uniq -d)" 'no port is shared'
printf 'Subject: x\r\n\r\nx\r\n' | submit "$(get "$b" SMTP)" app@example.com 'in-b@x.jp' >/dev/null
await 10 has_mails "$b" 1
is 'app@example.com>in-b@x.jp' "$(envelopes "$b" 1)" 'the second has its own sink'
is "$n" "$(mails "$a")" '... and the first has not got its mail'
short=$(readlink "$b/live")
is yes "$([ -d "$short/sock" ] && echo yes)" 'sockets are behind a short name'
"$sandbox" stop "$b"
is '0 ' "$? $(left "$b" "$short")" 'stop leaves no process'
is 'no yes' "$([ -e "$short" ] && echo yes || echo no) $([ ! -L "$b/live" ] && [ -d "$b/live/conf" ] && echo yes)" \
	'... and nothing outside the folder'
is 0 "$(grep -c "$short" "$b/live/conf/todoku.conf")" '... not even in the configuration'
"$sandbox" stop "$b" && "$sandbox" stop "$work/never"
is 0 $? 'stop again, and stop of what never was'
is 'not running 1' "$("$sandbox" status "$b") $?" 'status after stop'
is 0 "$("$sandbox" status "$a" >/dev/null; echo $?)" 'the first one still runs'

start --no-milter "$b"
printf 'Subject: x\r\n\r\nx\r\n' | submit "$(get "$b" SMTP)" app@example.com 'again@x.jp' >/dev/null
await 10 has_mails "$b" 2
is 'app@example.com>again@x.jp app@example.com>in-b@x.jp' "$(envelopes "$b" 1)" 'a new start in the same folder goes on'
short=$(readlink "$b/live")
kill -9 "$("$sandbox" status "$b" | sed -n 's/^postfix.*process //p')"
is 'postfix: does not run' "$("$sandbox" status "$b" | grep -v sink)" 'status sees that Postfix died'
is 1 "$("$sandbox" status "$b" >/dev/null; echo $?)" '... and says so'
"$sandbox" stop "$b"
is '0 ' "$? $(left "$b" "$short")" 'stop after that'
"$sandbox" stop "$a"
is '0 ' "$? $(left "$a")" 'stop, with mail in the queue'

b=$(mktemp -d /tmp/todoku-test.XXXXXX)
start --no-milter "$b"
rm -rf "$b"
"$sandbox" stop "$b" 2>/dev/null
is '0 ' "$? $(left "$b")" 'stop of a sandbox whose folder was deleted'

start --no-milter --discard "$work/discard"
printf 'Subject: x\r\n\r\nx\r\n' | submit "$(get "$work/discard" SMTP)" app@example.com a@x.jp b@x.jp >/dev/null
await 10 grep -q '"messages": 2, "recipients": 2' "$work/discard/sink/count"
is 0 $? '--discard counts'
"$sandbox" stop "$work/discard"

# All daemons, by stand-ins: the wiring, and the environment.
make_stand_ins "$work/all" milter policyd bounced webd
echo '# added' >"$work/add.conf"
c=$work/c
TODOKU_BUILD=$work/all start --conf-add "$work/add.conf" "$c"
is 0 $? 'starts with all daemons'
is '# added' "$(tail -n 1 "$(get "$c" CONF)")" '--conf-add comes last'
is 'v=DKIM1; k=rsa; p= v=DKIM1; k=ed25519; p=' \
	"$(cd "$(get "$c" DKIM_DNS)" && cat s2026a._domainkey.example.com s2026e._domainkey.example.com | paste -sd' ')" 'DKIM_DNS'
is 'todoku-sink todoku-milter todoku-policyd todoku-bounced todoku-webd postfix' \
	"$("$sandbox" status "$c" | sed 's/: runs.*//' | paste -sd' ')" 'all of them run'
is 'http://127.0.0.1:' "$(get "$c" WEB | sed 's/[0-9]*$//')" 'WEB'
is 'http://127.0.0.1:' "$(get "$c" ADMIN | sed 's/[0-9]*$//')" 'ADMIN'
sock=$(readlink -f "$c/live/sock")
is "todoku-front unix:$sock/milter.sock
todoku-inline unix:$sock/milter.sock
todoku-reinject unix:$sock/milter.sock" "$(
	postconf -c "$(get "$c" POSTFIX_CONFIG)" -P | sed -n 's/.*\(smtpd_milters\|daemon_name\) = //p' | paste -d' ' - - |
		sort
)" 'each smtpd has the milter and a name of its own'
is 2 "$(postconf -c "$(get "$c" POSTFIX_CONFIG)" -P | grep -c "check_policy_service,unix:$sock/policyd.sock")" \
	'reinject and inline ask policyd'
is "inline:{ {bounce.example.com = lmtp:unix:$sock/bounced.sock} }" \
	"$(postconf -c "$(get "$c" POSTFIX_CONFIG)" -h transport_maps)" 'bounces go to bounced'
is 'nobody postfix 750' "$(stat -c '%U %G %a' "$sock")" 'the folder of sockets'
"$sandbox" stop "$c"
is '0 ' "$? $(left "$c")" 'stop leaves no process'

# What goes wrong at start: said, and nothing left running.
make_stand_ins "$work/broken"
printf '#!/bin/sh\necho no luck today\nexit 3\n' >"$work/broken/todoku-milter"
chmod +x "$work/broken/todoku-milter"
TODOKU_BUILD=$work/broken start "$work/d" 2>"$work/errors"
is '70 1 1' "$? $(grep -c 'todoku-milter ended at once' "$work/errors") $(grep -m1 -c 'no luck today' "$work/errors")" \
	'a milter that ends: status, reason, log'
is '' "$(left "$work/d")" '... nothing left'
printf '\nnonsense = 1\n' >"$work/add.conf"
TODOKU_BUILD=$work/all start --conf-add "$work/add.conf" "$work/e" 2>"$work/errors"
is "78 found \"nonsense\"" "$? $(sed -n '1s/.*: found/found/p' "$work/errors")" 'a bad configuration: status and the error'
is '' "$(left "$work/e")$(ls "$work/e/run")" '... nothing left'
for moment in 0.05 0.3 1; do
	TODOKU_BUILD=$work/all timeout -s TERM $moment "$sandbox" start "$work/f" 2>/dev/null
	is '124 no' "$? $(left "$work/f")$([ -L "$work/f/live" ] || echo no)" "start ended after $moment s: nothing left"
done

is '' "$(find /tmp -maxdepth 1 -name 'todoku-sandbox.*' -newer "$work/started" -exec grep -lsF "$work/" {}/conf/todoku.conf {}/postfix/etc/main.cf ';')" \
	'no folder of ours is left in /tmp'

while IFS='|' read -r want arguments; do
	# shellcheck disable=SC2086
	"$sandbox" $arguments >/dev/null 2>&1 </dev/null
	is "$want" $? "sandbox $arguments"
done <<TABLE
64|
64|begin $work/x
64|start
64|stop
64|start --no-milter
64|start --other $work/x
64|start --conf-add $work/x
64|start $work/a:b
66|start --conf-add $work/none/none.conf $work/x
72|start $work/x
TABLE
mkdir "$work/open" && cp -R "$src/tools" "$src/conf" "$work/open"
chmod 711 "$work"
setpriv --reuid=nobody --regid=nogroup --clear-groups "$work/open/tools/sandbox" stop /tmp/none 2>"$work/errors"
is 77 $? 'only as root'
chmod 700 "$work"

# Every snippet for administrators is understood by Postfix.
mkdir "$work/etc"
cat "$src"/conf/postfix/*.main.cf >"$work/etc/main.cf"
cat "$src"/conf/postfix/*.master.cf >"$work/etc/master.cf"
is '' "$({ postconf -c "$work/etc" -n && postconf -c "$work/etc" -M && postconf -c "$work/etc" -P; } 2>&1 >/dev/null)" 'snippets: no unknown parameter'
is '' "$(postconf -c "$work/etc" -M | awk '$5 != "n"')" 'snippets: no service is chrooted'

# The milter itself, where it is built.
if [ -x "$build/todoku-milter" ] && [ -x "$build/todoku" ]; then
	m=$work/m
	TODOKU_BUILD=$build start "$m"
	is 0 $? 'starts with the milter'
	is nobody "$(stat -c %U "/proc/$(cat "$m/run/todoku-milter.pid")")" 'the milter is nobody'
	printf 'From: news@example.com\r\nTo: a@x.jp\r\nSubject: x\r\n\r\nx\r\n' | submit "$(get "$m" SMTP)" news@example.com a@x.jp b@x.jp >/dev/null
	await 10 has_mails "$m" 2
	is '2 2' "$(cat "$m"/sink/[12].eml | grep -ac '^DKIM-Signature:.*' | awk '{ print $1 / 2 }') $(mails "$m")" 'two copies, two signatures each'
	kill -9 "$(cat "$m/run/todoku-milter.pid")"
	printf 'From: news@example.com\r\nSubject: x\r\n\r\nx\r\n' | $(get "$m" SENDMAIL) -f news@example.com c@x.jp
	await 20 has_mails "$m" 3
	is 2 "$(grep -ac '^DKIM-Signature:' "$m/sink/3.eml")" 'killed under way: the mail comes later, signed'
	"$sandbox" stop "$m"
	is '0 ' "$? $(left "$m")" 'stop leaves no process'
fi

echo "1..$number"
exit $failed
