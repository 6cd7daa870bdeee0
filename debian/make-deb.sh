#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Make a package of the programs in $BUILD, into $BUILD/deb, and have lintian
# look at it.  Its maintainer is who builds it, as DEBFULLNAME and DEBEMAIL have
# it (debchange(1)); without them one whose address reaches nobody.  For tests:
# VERSION, which lintian does not see, and OUT.
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
if [ -n "${DEBEMAIL:-}" ]; then
	WHO="${DEBFULLNAME:-$(id -un)} <$DEBEMAIL>"
	export WHO
	for f in debian/control debian/changelog; do
		awk '/^Maintainer: / { $0 = "Maintainer: " ENVIRON["WHO"] }
		    /^ -- / { sub(/^ -- .*>/, ""); $0 = " -- " ENVIRON["WHO"] $0 }
		    { print }' "$f" >"$f.new"
		mv "$f.new" "$f"
	done
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
