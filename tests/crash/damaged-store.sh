#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# signed-or-nothing, the hash half: a damaged store under a mount, and the
# mutant that serves what it could not open.
: "${BUILD:=$PWD/build}" "${CRASH_ROUNDS:=20}"
here=$(dirname "$0")

echo 1..2
if python3 "$here/flip.py" "$BUILD" --flips $((CRASH_ROUNDS * 10)); then
	echo 'ok 1 - signed-or-nothing: damaged bytes never reach a reader'
else
	echo 'not ok 1 - signed-or-nothing: damaged bytes never reach a reader'
fi
if python3 "$here/flip.py" "$BUILD" --flips 300 \
    --mount "$BUILD/tests/mutants/weir-mount-blind" 2>&1 |
    grep 'wrong bytes'; then
	echo 'ok 2 - a mount that does not check is found out'
else
	echo 'not ok 2 - a mount that does not check is found out'
fi
