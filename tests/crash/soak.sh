#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# nothing-lost: random puts, mounts, kills and full disks, for a while.
: "${BUILD:=$PWD/build}" "${CRASH_ROUNDS:=20}" "${SOAK_SECONDS:=$((CRASH_ROUNDS / 2))}"
here=$(dirname "$0")

if [ "$(id -u)" -ne 0 ]; then
	echo '1..0 # skip this mounts a file system of its own, as root'
	exit 0
fi

number=0
try()
{
	number=$((number + 1))
	name=$1
	shift
	if python3 "$here/soak.py" "$BUILD" "$@"; then
		echo "ok $number - nothing-lost: $name"
	else
		echo "not ok $number - nothing-lost: $name"
	fi
}

echo 1..4
try 'what was put is there, whatever is killed or full' \
    --seconds "$SOAK_SECONDS"
try 'an object that is gone is found out' --seconds 1 --damage
try 'what was put is there when the disk fills up meanwhile' \
    --seconds "$SOAK_SECONDS" --full
try 'a write that finds no space and does not say so is found out' \
    --seconds 1200 --full --lie
