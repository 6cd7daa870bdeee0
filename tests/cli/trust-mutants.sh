#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# signed-or-nothing: a verifier with a hole is found out by the tests of who
# counts (tests/mutants/loose_trust.c).
. "$(dirname "$0")/lib.sh"

run()
{
	WEIR_MUTANT=$1 WEIR_TRUST_SETS=2000 \
	    "$BUILD/tests/mutants/test_trust_loose" >"$tmp/out" 2>&1
}

cd "$top" || exit 1
run none
ok $? 'without a hole all tests pass'
for hole in signatures roles uploader forged believed thresholds; do
	! run "$hole" && grep -qE 'FAILED TEST|^not ok' "$tmp/out"
	ok $? "$hole: found out"
done
done_testing
