#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# recorded-before-read: kill -9 at random moments, and the mutant that answers
# before it records.
: "${BUILD:=$PWD/build}" "${CRASH_ROUNDS:=20}"
here=$(dirname "$0")

echo 1..2
if python3 "$here/crash.py" "$BUILD" --rounds "$CRASH_ROUNDS"; then
	echo 'ok 1 - recorded-before-read: what was read stands in the trail'
else
	echo 'not ok 1 - recorded-before-read: what was read stands in the trail'
fi
if python3 "$here/crash.py" "$BUILD" --rounds 100 --victim keyd --expect-loss \
    --keyd "$BUILD/tests/mutants/weir-keyd-early"; then
	echo 'ok 2 - a keyd that answers before it records is found out'
else
	echo 'not ok 2 - a keyd that answers before it records is found out'
fi
