#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# budget-holds: keyd killed at each system call between a release's debit and its
# reply (debit.py), under a load and a browse grant: what it gave stays counted.  A
# keyd that answers before it records, and one whose counts are in memory alone, are
# found out.
: "${BUILD:=$PWD/build}"
here=$(dirname "$0")

if ! strace -qq true >/dev/null 2>&1; then
	echo '1..0 # skip strace does not work here'
	exit 0
fi

# sweep NAME OPTION...
count=0
sweep()
{
	name=$1
	shift
	count=$((count + 1))
	python3 "$here/debit.py" "$BUILD" "$@" || printf 'not '
	echo "ok $count - $name"
}

echo 1..5
sweep 'budget-holds: the debit survives a kill at each system call'
sweep 'the same under a browse grant' --browse \
    --keyd "$BUILD/tests/mutants/weir-keyd-moved"
sweep 'a keyd that answers before it records is found out' --expect-loss \
    --keyd "$BUILD/tests/mutants/weir-keyd-early"
WEIR_MUTANT=forgetful
export WEIR_MUTANT
sweep 'a keyd that counts in memory alone is found out' --expect-loss \
    --keyd "$BUILD/tests/mutants/weir-keyd-moved"
sweep 'and what browsers read, too' --browse --expect-loss \
    --keyd "$BUILD/tests/mutants/weir-keyd-moved"
