#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# clang-format would change nothing.
set -eu

status=0
for f in $(find vault keys fuse cli tests -name '*.[ch]' | sort); do
	clang-format --dry-run -Werror "$f" 2>/dev/null || {
		echo "$f: \`make format\` would change it"
		status=1
	}
done
exit $status
