#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Run fuzz targets one after another:  run.sh SECONDS TARGET...
# New inputs are kept under $BUILD/corpus, what crashed under $BUILD/crashes.
set -u

seconds=$1
shift
status=0

if [ $# -eq 0 ]; then
	echo 'fuzz: there are no targets' >&2
	exit 1
fi
mkdir -p "$BUILD/crashes"
for target in "$@"; do
	seeds=tests/fuzz/corpus/${target#fuzz_}
	found=$BUILD/corpus/${target#fuzz_}
	mkdir -p "$found"
	[ -d "$seeds" ] || seeds=
	# shellcheck disable=SC2086 # no seeds, no argument
	if "$BUILD/tests/fuzz/$target" -max_total_time="$seconds" -timeout=10 \
	    -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
	    -artifact_prefix="$BUILD/crashes/$target-" "$found" $seeds \
	    >"$BUILD/$target.log" 2>&1; then
		echo "$target: clean," "$(sed -n \
		    's/^stat::number_of_executed_units: *//p' \
		    "$BUILD/$target.log") inputs in $seconds s"
	else
		echo "$target: FAILED, see $BUILD/$target.log"
		tail -n 30 "$BUILD/$target.log"
		status=1
	fi
done
exit $status
