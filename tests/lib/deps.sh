#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Install the Debian packages in $PACKAGES that are missing.  Anywhere but on
# Debian the compiler will say what is not there.
set -eu

if ! command -v dpkg-query >/dev/null; then
	echo "deps: this is not Debian; weir needs: $PACKAGES" >&2
	exit 0
fi

missing=
for p in $PACKAGES; do
	case $(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null) in
	installed*) ;;
	*) missing="$missing $p" ;;
	esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
	echo "deps: packages are missing.  Run as root:" >&2
	echo "  apt-get install --no-install-recommends$missing" >&2
	exit 1
fi

echo "deps: installing$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
# shellcheck disable=SC2086 # one word for each package
apt-get install -y -q --no-install-recommends $missing
