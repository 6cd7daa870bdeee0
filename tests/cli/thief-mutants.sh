#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# budget-holds: a keyd that gives whatever is asked for is found out by the thieves
# (tests/mutants/blind_budget.c).
. "$(dirname "$0")/lib.sh"
requires root fuse

# A build in which keyd is the mutant, where the test goes by BUILD.
chmod 711 "$tmp"
mkdir "$tmp/build"
cp "$BUILD/weir" "$BUILD/weir-mount" "$tmp/build"
cp "$BUILD/tests/mutants/weir-keyd-moved" "$tmp/build/weir-keyd" ||
    skip_all 'build it first: make tests'

! WEIR_MUTANT=generous BUILD=$tmp/build sh "$top/tests/cli/thief-copies.sh" \
    >"$tmp/out" 2>&1
ok $? 'copies: a keyd that counts, and stops nobody'
for how in cp rsync tar 'dd, on behind errors' 'mmap, scraped backwards' \
    'dd, O_DIRECT' 'random preads' 'weir get'; do
	grep -q "^not ok [0-9]* - $how: no more than 2 % was leaked" "$tmp/out"
	ok $? "$how: found out" || diag "$(grep "$how" "$tmp/out")"
done
! WEIR_MUTANT=generous sh "$top/tests/cli/thief-drips.sh" >"$tmp/out" 2>&1
ok $? 'drips: the same keyd'
grep -q '^not ok [0-9]* - in no 30 days more than 2 %' "$tmp/out"
ok $? 'is found out' || diag "$(cat "$tmp/out")"
done_testing
