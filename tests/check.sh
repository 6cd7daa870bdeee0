#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# All that `make check` does, in order.  A tier that fails does not stop the
# next ones; the last line sums up all of them.
set -u

# A host's swap is no affair of most tests.
WEIR_ALLOW_SWAP=yes
export WEIR_ALLOW_SWAP
TALLY=$(mktemp)
export TALLY
trap 'rm -f "$TALLY"' EXIT

# A step that is no TAP program is one test of its own.
step()
{
	name=$1
	shift
	echo "== $name"
	if "$@"; then
		echo "1 0 0 $name" >>"$TALLY"
	else
		echo "0 1 0 $name" >>"$TALLY"
	fi
}

# A tier counts its tests itself; one that fails without having counted a
# failure, because it does not build, is a failure too.
tier()
{
	name=$1
	shift
	echo "== $name"
	before=$(failures)
	if ! "$@" && [ "$(failures)" -eq "$before" ]; then
		echo "0 1 0 $name" >>"$TALLY"
	fi
}

failures()
{
	awk '{ n += $2 } END { print n + 0 }' "$TALLY"
}

step 'gcc, warnings are errors' "$MAKE" CC=gcc werror
# What is built here is what check-asan runs.  The flags of an ordinary build
# clang has to know, too: one file shows that.
step 'clang, warnings are errors' \
	"$MAKE" BUILD=build-asan CC=clang SAN=address,undefined werror
step 'clang, the flags of an ordinary build' \
	"$MAKE" BUILD=build-clang CC=clang WERROR=1 build-clang/vault/err.o
tier 'lint' "$MAKE" lint
tier 'unit' "$MAKE" check-unit
tier 'cli' "$MAKE" check-cli
tier 'crash' "$MAKE" CRASH_ROUNDS=20 check-crash
tier 'asan' "$MAKE" check-asan
tier 'tsan' "$MAKE" check-tsan

awk '$2 > 0 { $1 = $3 = ""; sub(/^ */, ""); print "failed: " $0 }' "$TALLY"
awk '{ p += $1; f += $2; s += $3 }
	END { printf "%d passed, %d failed, %d skipped\n", p, f, s }' "$TALLY"
[ "$(failures)" -eq 0 ]
