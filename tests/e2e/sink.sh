#!/bin/bash
# todoku-sink as a client sees it: replies, and the exact bytes of its files.
# shellcheck disable=SC2317  # called by trap
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
src=${TODOKU_SRC:-$here/../..}
build=${TODOKU_BUILD:-$src/build}
sink=$build/todoku-sink
work=$(mktemp -d)
number=0
failed=0
pid=

end() {
	[ -z "$pid" ] || kill "$pid" 2>/dev/null
	wait
	rm -rf "$work"
}
trap end EXIT

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

start_sink() { # FOLDER [OPTION...]
	local folder=$1
	shift
	mkdir -p "$folder"
	coproc SINK { ulimit -Sn 256 && exec "$sink" --listen 127.0.0.1:0 --dir "$folder" "$@"; }
	pid=$SINK_PID
	read -r -t 10 _ _ address <&"${SINK[0]}"
	port=${address##*:}
}

stop_sink() {
	kill "$pid"
	wait "$pid"
	status=$?
	pid=
}

# Sends standard input as it is; prints the reply codes but the greeting's.
talk() {
	local out
	exec {out}<>"/dev/tcp/127.0.0.1/$port"
	cat >&"$out"
	timeout 10 cat <&"$out" | tr -d '\r' | sed -n '2,$s/^\([0-9]*\) \([245]\.[0-9.]*\)\{0,1\}.*/\1 \2/p' | sed 's/ $//' | paste -sd,
	exec {out}>&-
}

# Octal escapes of the whole message, one recipient, pipelined in one go.
deliver() { # RECIPIENT MESSAGE-FORMAT
	# shellcheck disable=SC2059  # the message is a format: it holds escapes
	{
		printf 'EHLO c\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<%s>\r\nDATA\r\n' "$1"
		printf "$2"
		printf '\r\n.\r\nQUIT\r\n'
	} | talk
}

hex() {
	od -An -v -tx1 "$1" | tr -d ' \n'
}

hex_of() { # FORMAT
	# shellcheck disable=SC2059
	printf "$1" | od -An -v -tx1 | tr -d ' \n'
}

[ -x "$sink" ] || {
	echo "not ok 1 - there is $sink"
	exit 1
}
start_sink "$work/mail"

# Bytes: what is sent between DATA and CRLF.CRLF, and what the file holds.
n=0
while IFS='|' read -r name sent want; do
	n=$((n + 1))
	is '250,250 2.1.0,250 2.1.5,354,250 2.0.0,221 2.0.0' "$(deliver b@example.jp "$sent")" "$name: taken"
	is "$(hex_of "$want\r\n")" "$(hex "$work/mail/$n.eml")" "$name: bytes"
done <<'TABLE'
plain|A: b\r\n\r\nhello|A: b\r\n\r\nhello
stuffed dots|..\r\n...a\r\n..b..|.\r\n..a\r\n.b..
a dot that is not stuffed|.a\r\n. \r\nb|a\r\n \r\nb
dot, CR, text|.\rx\r\n..\r\r\ny|\rx\r\n.\r\r\ny
bare LF and dot|a\n.\nb\n.\r\nc|a\n.\nb\n.\r\nc
bare LF at the start of a line, dot|\n.\r\nb\r\n\n.\r\nc|\n.\r\nb\r\n\n.\r\nc
bare CR and dot|a\r.\r\nb\r\n.\r.\r\nc|a\r.\r\nb\r\n\r.\r\nc
NUL and 8-bit|a\000b\377\r\n\201\000|a\000b\377\r\n\201\000
blank lines|\r\n\r\n|\r\n\r\n
CR before CRLF|a\r\r\n\r\r\nb|a\r\r\n\r\r\nb
TABLE

printf 'EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.jp>\r\nDATA\r\n.\r\nQUIT\r\n' | talk >"$work/replies"
n=$((n + 1))
is '250,250 2.1.0,250 2.1.5,354,250 2.0.0,221 2.0.0' "$(cat "$work/replies")" 'an empty message: taken'
is '' "$(hex "$work/mail/$n.eml")" 'an empty message: no bytes'
is '{"mail_from": "", "rcpt_to": ["b@example.jp"]}' "$(cat "$work/mail/$n.json")" 'the null sender'

printf 'HELO c\r\nMAIL FROM: <"a\\"b> c"@example.com> BODY=8BITMIME SIZE=10\r\nRCPT TO:<x..y@example.jp>\r\nRCPT TO:<"q\\\\\\\\ \\""@b>\r\nRCPT TO:<no@reply-550-5.1.1.test>\r\nRCPT TO:<Z@example.jp>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n' |
	talk >"$work/replies"
n=$((n + 1))
is '250,250 2.1.0,250 2.1.5,250 2.1.5,550 5.1.1,250 2.1.5,354,250 2.0.0,221 2.0.0' "$(cat "$work/replies")" \
	'three of four recipients: taken'
is '{"mail_from": "\"a\\\"b> c\"@example.com", "rcpt_to": ["x..y@example.jp", "\"q\\\\\\\\ \\\"\"@b", "Z@example.jp"]}' \
	"$(cat "$work/mail/$n.json")" 'the envelope, escaped'

printf 'EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<old@d>\r\nRSET\r\nMAIL FROM:<c@d>\r\nRCPT TO:<new@d>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n' |
	talk >"$work/replies"
n=$((n + 1))
is '{"mail_from": "c@d", "rcpt_to": ["new@d"]}' "$(cat "$work/mail/$n.json")" 'RSET leaves nothing for the next envelope'

# Byte by byte: no state hides in how the bytes come in pieces.
{
	printf 'EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n..a\r\n.\rb\r\n.\r\nQUIT\r\n' | od -An -v -to1 -w1 |
		while read -r byte; do printf '%b' "\\0$byte"; done
} | talk >"$work/replies"
n=$((n + 1))
is '250,250 2.1.0,250 2.1.5,354,250 2.0.0,221 2.0.0' "$(cat "$work/replies")" 'byte by byte: taken'
is "$(hex_of '.a\r\n\rb\r\n')" "$(hex "$work/mail/$n.eml")" 'byte by byte: bytes'

# Answers by the recipient's domain.
while IFS='|' read -r recipient want; do
	is "$want" "$(deliver "$recipient" 'x')" "answer to $recipient"
done <<'TABLE'
a@reply-550-5.1.1.test|250,250 2.1.0,550 5.1.1,554 5.5.1,500 5.5.1,500 5.5.1,221 2.0.0
a@REPLY-452-4.2.2.TEST|250,250 2.1.0,452 4.2.2,554 5.5.1,500 5.5.1,500 5.5.1,221 2.0.0
a@tempfail.test|250,250 2.1.0,451 4.7.1,554 5.5.1,500 5.5.1,500 5.5.1,221 2.0.0
a@reply-421-4.7.0.test|250,250 2.1.0,421 4.7.0
a@data-554-5.7.1.test|250,250 2.1.0,250 2.1.5,354,554 5.7.1,221 2.0.0
a@data-451-4.3.123.test|250,250 2.1.0,250 2.1.5,354,451 4.3.123,221 2.0.0
a@data-421-4.3.2.test|250,250 2.1.0,250 2.1.5,354,421 4.3.2
TABLE
is "$n" "$(find "$work/mail" -name '*.eml' | wc -l)" 'nothing refused is kept'

while IFS='|' read -r recipient want; do
	n=$((n + 1))
	is "$want" "$(deliver "$recipient" 'x')" "answer to $recipient"
done <<'TABLE'
a@reply-251-2.1.5.test|250,250 2.1.0,251 2.1.5,354,250 2.0.0,221 2.0.0
a@data-250-2.6.0.test|250,250 2.1.0,250 2.1.5,354,250 2.6.0,221 2.0.0
a@reply-350-5.1.1.test|250,250 2.1.0,250 2.1.5,354,250 2.0.0,221 2.0.0
a@reply-550-5.1.test|250,250 2.1.0,250 2.1.5,354,250 2.0.0,221 2.0.0
a@reply-550-5.1.1234.test|250,250 2.1.0,250 2.1.5,354,250 2.0.0,221 2.0.0
a@reply-550-5.1.1.test.jp|250,250 2.1.0,250 2.1.5,354,250 2.0.0,221 2.0.0
a@reply-550.test|250,250 2.1.0,250 2.1.5,354,250 2.0.0,221 2.0.0
TABLE

# Order and syntax: the commands, and the codes for them.
while IFS='|' read -r name commands want; do
	# shellcheck disable=SC2059
	is "$want" "$(printf "$commands" | talk)" "$name"
done <<'TABLE'
MAIL before EHLO|MAIL FROM:<a@b>\r\nQUIT\r\n|503 5.5.1,221 2.0.0
RCPT before MAIL|EHLO c\r\nRCPT TO:<a@b>\r\nQUIT\r\n|250,503 5.5.1,221 2.0.0
DATA before MAIL|EHLO c\r\nDATA\r\nQUIT\r\n|250,503 5.5.1,221 2.0.0
DATA before RCPT|EHLO c\r\nMAIL FROM:<a@b>\r\nDATA\r\nQUIT\r\n|250,250 2.1.0,554 5.5.1,221 2.0.0
nested MAIL|EHLO c\r\nMAIL FROM:<a@b>\r\nMAIL FROM:<a@b>\r\nQUIT\r\n|250,250 2.1.0,503 5.5.1,221 2.0.0
RSET forgets|EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nRSET\r\nDATA\r\nQUIT\r\n|250,250 2.1.0,250 2.1.5,250 2.0.0,503 5.5.1,221 2.0.0
EHLO forgets|EHLO c\r\nMAIL FROM:<a@b>\r\nEHLO c\r\nRCPT TO:<a@b>\r\nQUIT\r\n|250,250 2.1.0,250,503 5.5.1,221 2.0.0
EHLO without a name|EHLO \r\nQUIT\r\n|501 5.5.4,221 2.0.0
RSET first|RSET\r\nMAIL FROM:<a@b>\r\nQUIT\r\n|250 2.0.0,503 5.5.1,221 2.0.0
NOOP, VRFY, unknown|NOOP\r\nVRFY x\r\nSTARTTLS\r\n\r\nDATA x\r\nQUIT\r\n|250 2.0.0,252 2.0.0,500 5.5.1,500 5.5.1,500 5.5.1,221 2.0.0
paths|EHLO c\r\nMAIL FROM:a@b\r\nMAIL FROM:<a@b\r\nMAIL FROM:<a>\r\nMAIL FROM:<a b@c>\r\nMAIL FROM:<\\\001@c>\r\nMAIL FROM:<\303\251@c>\r\nMAIL FROM:<a@b>x\r\nQUIT\r\n|250,501 5.1.7,501 5.1.7,501 5.1.7,501 5.1.7,501 5.1.7,501 5.1.7,501 5.1.7,221 2.0.0
parameters|EHLO c\r\nMAIL FROM:<a@b> SMTPUTF8\r\nMAIL FROM:<a@b> SIZE=x\r\nMAIL FROM:<a@b> SIZE=110000001\r\nMAIL FROM:<a@b> SIZE=99999999999999999999\r\nMAIL FROM:<a@b> SIZE=110000000 BODY=7BIT\r\nRCPT TO:<a@b> NOTIFY=NEVER\r\nRCPT TO:<>\r\nQUIT\r\n|250,555 5.5.4,501 5.5.4,552 5.3.4,555 5.5.4,250 2.1.0,555 5.5.4,501 5.1.3,221 2.0.0
bare LF ends no command|EHLO c\nQUIT\r\n|500 5.5.2,221 2.0.0
nothing after QUIT|QUIT\r\nNOOP\r\n|221 2.0.0
TABLE
is '500 5.5.2,250 2.0.0,221 2.0.0' "$({
	head -c 5000 /dev/zero | tr '\0' x
	printf '\r\nNOOP\r\nQUIT\r\n'
} | talk)" 'a command line too long'

is '250-sink.test 250-PIPELINING 250-SIZE 110000000 250-8BITMIME 250 ENHANCEDSTATUSCODES' \
	"$(exec 5<>"/dev/tcp/127.0.0.1/$port" && printf 'EHLO c\r\nQUIT\r\n' >&5 && timeout 10 cat <&5 | tr -d '\r' |
		grep ^250 | paste -sd' ')" 'what is announced'

# 1001 recipients: the last one is over the ceiling.
{
	printf 'EHLO c\r\nMAIL FROM:<a@b>\r\n'
	for ((i = 0; i < 1001; i++)); do printf 'RCPT TO:<r%d@example.jp>\r\n' "$i"; done
	printf 'DATA\r\nx\r\n.\r\nQUIT\r\n'
} | talk | tr , '\n' | sort | uniq -c | sed 's/^ *//' >"$work/replies"
n=$((n + 1))
is '1 221 2.0.0,1 250,1 250 2.0.0,1 250 2.1.0,1000 250 2.1.5,1 354,1 452 4.5.3' "$(paste -sd, "$work/replies")" \
	'recipients over the ceiling'
is 1000 "$(grep -o 'r[0-9]*@' "$work/mail/$n.json" | sort -u | wc -l)" 'a thousand recipients in the envelope'

# One line of 20 MB, and a message over the ceiling.
{
	printf 'EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n'
	head -c 20000000 /dev/zero
	printf '\r\n.\r\nQUIT\r\n'
} | talk >/dev/null
n=$((n + 1))
is "$({ head -c 20000000 /dev/zero && printf '\r\n'; } | cksum)" "$(cksum <"$work/mail/$n.eml")" 'a line of 20 MB'
is 'yes' "$([ "$(awk '/^VmHWM/ { print $2 }' "/proc/$pid/status")" -lt 60000 ] || [ -n "${SINK_SANITIZED-}" ] && echo yes)" \
	'such a line stays out of memory'
is '250,250 2.1.0,250 2.1.5,354,552 5.3.4,250 2.0.0,221 2.0.0' "$({
	printf 'EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n'
	head -c 110000000 /dev/zero
	printf '\r\n.\r\nNOOP\r\nQUIT\r\n'
} | talk)" 'a message too big'

# A client that goes away within a message leaves nothing behind.
{
	exec 5<>"/dev/tcp/127.0.0.1/$port"
	printf 'EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n' >&5
	head -c 1000000 /dev/zero >&5
	exec 5>&-
}
deliver b@example.jp last >/dev/null
n=$((n + 1))
for ((i = 0; i < 100; i++)); do
	[ -n "$(find "$work/mail" -name '.*' -type f)" ] || break
	sleep 0.05
done
is "$(for ((i = 1; i <= n; i++)); do printf '%s\n' "$i.eml" "$i.json"; done | sort)" \
	"$(find "$work/mail" -type f -printf '%f\n' | sort)" 'N counts each message, and nothing else is there'
is 'todoku-sink: '"$work/mail"': another sink writes there' \
	"$(timeout 5 "$sink" --listen 127.0.0.1:0 --dir "$work/mail" 2>&1)" 'one sink per folder'

# A new process counts on, and cleans up after one that was killed.
stop_sink
is 0 "$status" 'ends by SIGTERM with status 0'
touch "$work/mail/.incoming-7"
start_sink "$work/mail"
deliver b@example.jp 'after' >/dev/null
n=$((n + 1))
is "$(hex_of 'after\r\n')" "$(hex "$work/mail/$n.eml")" 'counts on after a restart'
is '' "$(find "$work/mail" -name '.*' -type f)" 'unfinished files of an earlier process are gone'

# Many connections at once, all open before the first message ends.
smtp-source -d -s 500 -m 1000 -l 2000 -f a@b.test -t c@d.test "127.0.0.1:$port"
is $((n + 1000)) "$(find "$work/mail" -name '*.json' | wc -l)" '500 connections'
stop_sink

start_sink "$work/count" --discard
is '{"messages": 0, "recipients": 0, "bytes": 0}' "$(cat "$work/count/count")" 'the count begins at nothing'
deliver b@example.jp 12345678 >/dev/null
stop_sink
is '{"messages": 1, "recipients": 1, "bytes": 10}' "$(cat "$work/count/count")" '--discard counts'
is 'count' "$(ls -A "$work/count")" '--discard keeps nothing else'

is 20 "$("$sink" --free-ports 20 | awk '$1 >= 1024 && $1 < 32768' | sort -u | wc -l)" 'free ports, all different'
for arguments in '' '--listen 127.0.0.1:0' '--free-ports 0' '--free-ports x' '--free-ports 2 --dir /' '--listen 127.0.0.1:0 --dir / x'; do
	# shellcheck disable=SC2086
	"$sink" $arguments >/dev/null 2>&1
	is 64 $? "usage: $arguments"
done
for where in 127.0.0.1 localhost:25 127.0.0.1:65536 127.0.0.1:x '[::1:25' ''; do
	is "todoku-sink: --listen: found \"$where\", allowed: ADDRESS:PORT" \
		"$("$sink" --listen "$where" --dir "$work/count" 2>&1)" "no address: $where"
done
is "todoku-sink: $work/none: No such file or directory" \
	"$("$sink" --listen 127.0.0.1:0 --dir "$work/none" 2>&1)" 'no folder'

echo "1..$number"
exit $failed
