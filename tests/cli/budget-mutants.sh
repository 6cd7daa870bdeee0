#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# budget-holds: a keyd with a hole is found out by the tests of what it gives
# (tests/mutants/blind_budget.c).
. "$(dirname "$0")/lib.sh"

run()
{
	WEIR_MUTANT=$1 WEIR_RACES=20 \
	    "$BUILD/tests/mutants/test_budget_blind" >"$tmp/out" 2>&1
}

cd "$top" || exit 1
run none
ok $? 'without a hole all tests pass'
for hole in generous hasty late forgetful rebooting unmarked; do
	! run "$hole" && grep -qE 'FAILED TEST|^not ok' "$tmp/out"
	ok $? "$hole: found out"
done
done_testing
