#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# grant-or-nothing: a keyd that passes over a rule of grants is found out by the
# tests of grants (tests/mutants/generous_keyd.c).
. "$(dirname "$0")/lib.sh"

# A build in which keyd is the mutant.
mkdir "$tmp/build"
cp "$BUILD/weir" "$BUILD/weir-mount" "$tmp/build"
cp "$BUILD/tests/mutants/weir-keyd-generous" "$tmp/build/weir-keyd"

# run HOLE TEST
run()
{
	WEIR_MUTANT=$1 BUILD=$tmp/build sh "$top/tests/cli/grant-$2.sh" \
	    >"$tmp/out" 2>&1
}

for test in refusals limits approvals; do
	run none $test
	ok $? "without a hole: grant-$test" || diag "$(grep -A9 '^not' "$tmp/out")"
done
# The hole, the test, and the test that it makes fail, by its name.
while read -r hole test name; do
	! run "$hole" "$test" && grep -qE "^not ok [0-9]+ - .*$name" "$tmp/out"
	ok $? "$hole: found out" || diag "$(cat "$tmp/out")"
done <<'E2'
all refusals grant-or-nothing: no mount without a grant|does not help
model refusals does not help
principal refusals does not help either
end refusals and not after
export limits lets no plain copies be written
reference refusals and not the next one
host limits lets nothing be read here
hours limits lets nothing be read before
sessions limits a second one
approvals approvals and lets nothing be read
E2
done_testing
