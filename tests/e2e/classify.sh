#!/bin/bash
# `todoku bounce classify` as a user runs it, and its figures over a corpus of reports
# that is no part of this project: where ../shared/corpus/bounces is, with its scorer.
# shellcheck disable=SC2317  # called by trap
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
src=${TODOKU_SRC:-$here/../..}
build=${TODOKU_BUILD:-$src/build}
todoku=$build/todoku
reports=$src/tests/unit/reports
corpus=${TODOKU_CORPUS:-$src/../shared/corpus}/bounces
work=$(mktemp -d)
number=0
failed=0
trap 'rm -rf "$work"' EXIT

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

# keys FILE...: the four that the contract names, a line for each result
keys() {
	"$todoku" bounce classify "$@" | "${PYTHON:-/usr/bin/python3}" -c '
import json, sys
for line in sys.stdin:
    said = json.loads(line)
    print(" ".join(said[key] or "-" for key in ("category", "recipient", "status", "action")))'
}

three="user_unknown a@example.net 5.1.1 suppress
delayed b@example.net 4.4.1 none
delivered c@example.net 2.0.0 none"
is "$three" "$(keys "$reports/postfix-three.eml")" "a file: one object for each recipient"
is "$three" "$(keys <"$reports/postfix-three.eml")" "standard input"
is "$three" "$(keys -c /nonexistent/todoku.conf --json <"$reports/postfix-three.eml")" "no configuration is needed"
is "$three
auto_reply a@example.net - none" "$(keys "$reports/postfix-three.eml" "$reports/mdn.eml")" "several files, in order"
is "not_a_bounce - - none" "$(keys </dev/null)" "nothing at all"

cp "$src/conf/bounce-rules" "$work/shipped"
printf 'source our own postmaster\nrefused "user unknown"\ninclude shipped\n' >"$work/own"
is "refused a@example.net 5.1.1 count_soft" "$(keys --rules "$work/own" "$reports/qmail.eml" | sed -n 1p)" \
	"--rules: the administrator's come first"
is "mailbox_full b@example.net 5.2.2 count_soft" "$(keys --rules "$work/own" "$reports/qmail.eml" | sed -n 2p)" \
	"and what they include behind them"

printf 'source x\nrefuse "text"\n' >"$work/bad"
said=$("$todoku" bounce classify --rules "$work/bad" </dev/null 2>&1)
is "78" "$?" "bad rules: the status"
is "$work/bad:2: neither a category of failure nor \"source\", \"provider\", \"include\": \"refuse\"" "$said" \
	"bad rules: file, line and what is wrong"
said=$("$todoku" bounce classify "$work/absent" "$reports/mdn.eml" 2>"$work/err" | wc -l)
is "1" "$said" "a file that is absent does not stop the others"
is "todoku: $work/absent: No such file or directory" "$(cat "$work/err")" "and is told of"
"$todoku" bounce classify "$work/absent" 2>/dev/null
is "66" "$?" "with its status"

# The rule that decided can be looked up.
rule=$("$todoku" bounce classify "$reports/yahoo.eml" | sed 's/.*"rule":"\([^"]*\)".*/\1/')
is "mailbox_full" "$(sed -n "${rule##*:}p" "${rule%:*}" 2>/dev/null | grep -o '^mailbox_full')" "the rule is named by its place"

if [ -e "$corpus/score.py" ]; then
	for how in LF CRLF; do
		"${PYTHON:-/usr/bin/python3}" "$corpus/score.py" $([ $how = LF ] || echo --crlf) --json "$work/figures" \
			--cmd "$todoku bounce classify" >"$work/score" 2>&1
		said=$("${PYTHON:-/usr/bin/python3}" - "$work/figures" <<'END'
import json, sys
f = json.load(open(sys.argv[1]))
rows = f["rows"]
for name, count, of, least in (("category", f["cat_exact"], rows, 0.95), ("category or an alternative", f["cat_lenient"], rows, 0.98),
                               ("recipient", f["rcpt_exact"], f["rcpt_rows"], 0.99)):
    if count < least * of:
        print("%s: %d of %d" % (name, count, of))
if f["dangerous"] or f.get("program_errors"):
    print("dangerous errors: %d, program errors: %d" % (f["dangerous"], f.get("program_errors", 0)))
END
)
		is "" "$said" "the corpus with $how: 95 %, 98 %, 99 %, nothing dangerous"
		grep -E '^(category exact|recipient exact|DANGEROUS)' "$work/score" | sed 's/^/# /'
	done
else
	is "" "" "the corpus: absent here ($corpus), so its figures are not looked at"
fi
echo "1..$number"
exit $failed
