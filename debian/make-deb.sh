#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Make a package of the programs in $BUILD, into $BUILD/deb, and have lintian
# look at it.  For tests: VERSION, which lintian does not see, and OUT.
set -eu

# It is a make of its own.
unset MAKEFLAGS MFLAGS MAKELEVEL

top=$(cd "$(dirname "$0")/.." && pwd)
out=${OUT:-$BUILD/deb}
tree=$out/tree

# dpkg-buildpackage writes into the tree, and beside it.
rm -rf "$out"
mkdir -p "$tree"
for f in "$top"/*; do
	case ${f##*/} in
	build | build-* | debian) ;;
	*) if [ -d "$f" ]; then ln -s "$f" "$tree/"; else cp "$f" "$tree/"; fi ;;
	esac
done
cp -r "$top/debian" "$tree/"
cd "$tree"
if [ -n "${VERSION:-}" ]; then
	sed -i "1s/(.*)/($VERSION)/" debian/changelog
fi

WEIR_BUILD=$BUILD DEB_BUILD_OPTIONS=nocheck dpkg-buildpackage -b -us -uc -tc \
    >"$out/log" 2>&1 || {
	tail -n 20 "$out/log" >&2
	exit 1
}
cd "$out"
rm -rf "$tree"
[ -n "${VERSION:-}" ] ||
    lintian --allow-root --fail-on error,warning --no-cfg "$out"/weir_*.changes
for f in "$out"/weir_*.deb; do
	echo "$f"
done
