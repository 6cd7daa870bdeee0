#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A keyring with a hole is found out by the tests of how its slots are changed
# (tests/mutants/careless_keyring.c).
. "$(dirname "$0")/lib.sh"

run()
{
	WEIR_MUTANT=$1 "$BUILD/tests/mutants/test_keyring_careless" \
	    >"$tmp/out" 2>&1
}

cd "$top" || exit 1
run none
ok $? 'without a hole all tests pass'
for hole in credulous forgetful hasty; do
	! run "$hole" && grep -qE 'FAILED TEST|^not ok' "$tmp/out"
	ok $? "$hole: found out"
done
done_testing
