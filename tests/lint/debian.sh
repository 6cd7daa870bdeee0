#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# debian/ says what the Makefile and weir say: the libraries that weir is built
# with, and its version.
set -eu

[ -d debian ] || exit 0
status=0

# Of the packages of the Makefile these are for tests and for compilers.
for p in $(sed -n '/^PACKAGES :=/,/[^\\]$/p' Makefile | tr -s ' \t\\(),' '\n' |
    grep -e '-dev$' | grep -v '^lib\(clang-rt-.*\|c6\|cmocka\)-dev$'); do
	grep -qE "^ $p( |,|$)" debian/control || {
		echo "debian/control: Build-Depends has no $p"
		status=1
	}
done

version=$(sed -n 's/^#define WEIR_VERSION "\(.*\)"/\1/p' cli/cmd_help.c)
grep -q "^weir ($version)" debian/changelog || {
	echo "debian/changelog: nothing on $version, which weir is"
	status=1
}
exit $status
