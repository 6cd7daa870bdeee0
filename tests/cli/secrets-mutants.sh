#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A keyring with a hole is found out by the tests of how its slots are changed
# (tests/mutants/careless_keyring.c), a lock with one by the tests of locks
# (tests/mutants/careless_lock.c), and so a change of the root key
# (tests/mutants/careless_rekey.c).
. "$(dirname "$0")/lib.sh"

# run TEST MUTANT
run()
{
	WEIR_MUTANT=$2 "$BUILD/tests/mutants/test_$1_careless" \
	    >"$tmp/out" 2>&1
}

# found TEST MUTANT...: a test fails, or the vault does not start any more
found()
{
	subject=$1
	shift
	run "$subject" none
	ok $? "$subject: without a hole all tests pass"
	for hole; do
		! run "$subject" "$hole" &&
		    grep -qE 'FAILED TEST|^not ok|desk\.c:[0-9]+: ' "$tmp/out"
		ok $? "$subject, $hole: found out"
	done
}

cd "$top" || exit 1
found keyring credulous forgetful hasty
found lock hoarding short lenient
found rekey lazy hoarding hasty half
done_testing
