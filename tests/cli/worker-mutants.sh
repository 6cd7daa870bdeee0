#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A worker with a hole is found out by unit tests (tests/mutants/
# loose_worker.c): signed-or-nothing, grant-or-nothing, no-silent-failure.
. "$(dirname "$0")/lib.sh"

# run HOLE PROGRAM TEST
run()
{
	CMOCKA_MESSAGE_OUTPUT=STDOUT WEIR_MUTANT=$1 TEST_FILTER=$3 \
	    timeout 600 "$BUILD/tests/mutants/$2" >"$tmp/out" 2>&1
}

cd "$top" || exit 1
while read -r hole program test; do
	run none "$program" "$test" && grep -q "OK \] $test" "$tmp/out"
	ok $? "without a hole: $test" || diag "$(cat "$tmp/out")"
	! run "$hole" "$program" "$test" && grep -q "FAILED  \] $test" "$tmp/out"
	ok $? "$hole: found out"
done <<'E2'
wipe test_reads_loose an_ended_session_serves_nothing_more
retry test_reads_store_loose a_store_that_fails_for_a_while_is_waited_for
ahead test_reads_loose a_browser_gets_one_row_a_release_and_nothing_ahead
ahead test_reads_loose a_budget_that_is_used_up_stops_weights_alone
hash test_object_loose a_tag_forged_with_the_key_is_not_enough
E2
done_testing
