#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# nothing-lost: all that is written is synced before it is counted on, also what
# ext4 would forgive (order.py), and a disk that lies about either is found out.
: "${BUILD:=$PWD/build}"
here=$(dirname "$0")

if ! strace -qq true >/dev/null 2>&1; then
	echo '1..0 # skip strace does not work here'
	exit 0
fi

count=0
order()
{
	name=$1
	shift
	count=$((count + 1))
	python3 "$here/order.py" "$BUILD" "$@" || printf 'not '
	echo "ok $count - nothing-lost: $name"
}

echo 1..3
order 'names and bytes are synced before they are counted on'
order 'a lying fsync of files is found out' --mutant file
order 'a lying fsync of directories is found out' --mutant directory
