# Manual pages are clean mdoc, each program and each option has its line.
cd "$(dirname "$0")/../.." || exit 1
fail=0
say() {
	if [ -z "$2" ]; then
		echo "ok - $1"
	else
		echo "not ok - $1"
		echo "$2" | head -20 | sed 's/^/# /'
		fail=1
	fi
}
for page in man/*.[1578] build/man/*.[1578]; do
	[ -e "$page" ] && say "$page is clean" "$(mandoc -Tlint -Wwarning "$page" 2>&1)"
done
for program in todoku todoku-bounced todoku-milter todoku-policyd todoku-webd; do
	say "$program has a page" "$(ls man/$program.[18] >/dev/null 2>&1 || echo "no man/$program.[18]")"
done
missing=$(grep -oE '^	[A-Z]+\([a-z_]+,' lib/conf_options.h | sed 's/.*(//; s/,//' | sort -u | while read -r option; do
	grep -qE "^\.It Ic $option( |$)" build/man/todoku.conf.5 || echo "$option"
done)
say "each option has its line in todoku.conf(5)" "$missing"
missing=$(build/todoku help | sed -nE 's/^  ([a-z]+( [a-z]+)?)( .*)?$/\1/p' | while read -r verb; do
	grep -qE "^\.It Cm $verb( |$)" man/todoku.1 || echo "$verb"
done)
say "each verb has its line in todoku(1)" "$missing"
exit $fail
