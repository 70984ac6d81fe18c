# Runs test programs that speak TAP and adds up what they say.
#
#   . tests/tap.sh
#   tap LABEL COMMAND...        runs it, shows what failed, counts
#   tap_start LABEL COMMAND...  the same in the background, as many at once as there are
#                               processors
#   tap_wait                    until all of those have ended
#   tap_end                     prints "N passed, N failed"; 0 when all passed
#
# A program that says nothing, or ends with another status than its lines
# explain, counts as one failure: nothing can pass by not running.

tap_logs=${TAP_LOGS:-$(mktemp -d /tmp/todoku-check.XXXXXX)}
tap_jobs=${TAP_JOBS:-$(nproc)}
tap_started=0

tap() {
	local label=$1 log status passed failed started=$SECONDS
	shift
	tap_started=$((tap_started + 1))
	log=$tap_logs/${label//[^A-Za-z0-9_.-]/_}.log
	status=0
	"$@" >"$log" 2>&1 </dev/null || status=$?
	passed=$(grep -cE '^ok\b' "$log" || true)
	failed=$(grep -cE '^not ok\b' "$log" || true)
	if [ "$failed" = 0 ] && { [ "$status" != 0 ] || [ "$passed" = 0 ]; }; then
		failed=1
		echo "not ok - $label ended with status $status after $passed passed tests" >>"$log"
	fi
	echo "$passed $failed" >"${log%.log}.count"
	{
		if [ "$failed" = 0 ]; then
			printf '%-44s %5d ok   %4d s\n' "$label" "$passed" $((SECONDS - started))
		else
			printf '%-44s %5d ok, %d NOT OK   %4d s; %s\n' "$label" "$passed" "$failed" \
				$((SECONDS - started)) "$log"
			grep -nE -B3 -A12 '^not ok\b' "$log" | head -60
			tail -25 "$log"
		fi
	} >"${log%.log}.said"
	cat "${log%.log}.said"
}

tap_start() {
	while [ "$(jobs -rp | wc -l)" -ge "$tap_jobs" ]; do
		wait -n || true
	done
	tap_started=$((tap_started + 1))
	tap "$@" &
}

tap_wait() {
	wait || true
}

tap_end() {
	local passed=0 failed=0 ended=0 count p f
	for count in "$tap_logs"/*.count; do
		read -r p f <"$count"
		passed=$((passed + p)) failed=$((failed + f)) ended=$((ended + 1))
	done
	# A run that left no count, whatever became of it, has failed.
	[ "$ended" -ge "$tap_started" ] || failed=$((failed + tap_started - ended))
	echo "logs: $tap_logs"
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}
