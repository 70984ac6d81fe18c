# The layers hold: lib/ uses no daemon, daemons never include one another, a
# daemon is included by nobody else, headers of other projects stay out of ours.
cd "$(dirname "$0")/../.." || exit 1
fail=0
say() {
	if [ -z "$2" ]; then
		echo "ok - $1"
	else
		echo "not ok - $1"
		echo "$2" | sed 's/^/# /'
		fail=1
	fi
}
included() { grep -nE '^#include "' "$1"/*.[ch] | grep -vE "#include \"($2)/" || true; }

say "lib/ includes only lib/" "$(included lib lib)"
say "report/ includes only itself and lib/" "$(included report 'report|lib')"
for daemon in milter policyd webd; do
	[ -d $daemon ] && say "$daemon/ includes only itself and lib/" "$(included $daemon "$daemon|lib")"
done
say "bounced/ includes only itself, report/ and lib/" "$(included bounced 'bounced|report|lib')"
say "tools/ includes only itself, report/ and lib/" "$(included tools 'tools|report|lib')"
say "includes name their folder" "$(grep -nE '^#include "[^/"]+"' {bounced,lib,milter,policyd,report,tools,webd}/*.[ch] || true)"
say "our headers include only the C library and ours" "$(grep -nE '^#include <' {bounced,lib,milter,policyd,report,tools,webd}/*.h |
	grep -vE '<(std[a-z]+|sys/types|time|netinet/in|string|pthread|sqlite3|math)\.h>' || true)"
say "GLib stays inside one file of each folder that reads mail" "$(grep -lE '<(glib|gmime)' {bounced,lib,milter,policyd,report,tools,webd}/*.c |
	grep -vE '^(milter/mime|report/decode)\.c$' || true)"
exit $fail
