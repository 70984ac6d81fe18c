# Runs test programs that speak TAP and adds up what they say.
#
#   . tests/tap.sh
#   tap LABEL COMMAND...     runs it, shows what failed, counts
#   tap_end                  prints "N passed, N failed"; 0 when all passed
#
# A program that says nothing, or ends with another status than its lines
# explain, counts as one failure: nothing can pass by not running.

tap_passed=0
tap_failed=0
tap_logs=${TAP_LOGS:-$(mktemp -d /tmp/todoku-check.XXXXXX)}

tap() {
	local label=$1 log status passed failed started=$SECONDS
	shift
	log=$tap_logs/${label//[^A-Za-z0-9_.-]/_}.log
	status=0
	"$@" >"$log" 2>&1 </dev/null || status=$?
	passed=$(grep -cE '^ok\b' "$log" || true)
	failed=$(grep -cE '^not ok\b' "$log" || true)
	if [ "$failed" = 0 ] && { [ "$status" != 0 ] || [ "$passed" = 0 ]; }; then
		failed=1
		echo "not ok - $label ended with status $status after $passed passed tests" >>"$log"
	fi
	tap_passed=$((tap_passed + passed))
	tap_failed=$((tap_failed + failed))
	if [ "$failed" = 0 ]; then
		printf '%-44s %5d ok   %4d s\n' "$label" "$passed" $((SECONDS - started))
	else
		printf '%-44s %5d ok, %d NOT OK   %4d s; %s\n' "$label" "$passed" "$failed" $((SECONDS - started)) "$log"
		grep -nE -B3 -A12 '^not ok\b' "$log" | head -60
		tail -25 "$log"
	fi
}

tap_end() {
	echo "logs: $tap_logs"
	echo "$tap_passed passed, $tap_failed failed"
	[ "$tap_failed" = 0 ] && [ "$tap_passed" -gt 0 ]
}
