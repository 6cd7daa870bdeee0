#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The units, as far as that can be told without a service manager: what make
# install puts where, that systemd understands it, and how much of the host a
# compromised weir-keyd would have.
. "$(dirname "$0")/lib.sh"

requires make systemd-analyze
root=$tmp/root

place()
{
	make -s -C "$top" BUILD="$BUILD" DESTDIR="$root" PREFIX="$1" "$2" \
	    2>"$tmp/make"
}
place /usr/local put-in-place
ok $? 'make install needs no root for a directory of its own'
is "$(grep -rl '/usr/bin/weir\|/usr/libexec/weir' "$root" --include='*.service' \
    --include='*.rules')" '' 'what names programs names them where they are'
exits 0 'a program runs from there' "$root/usr/local/bin/weir" version
place /usr/local uninstall
is "$(find "$root" ! -type d)" '' 'make uninstall leaves no file of it'
rm -rf "$root"

place /usr put-in-place
units=$root/usr/lib/systemd/system
is "$(cd "$root/usr" && find bin libexec lib share ! -type d | sort | tr '\n' ' ')" \
    "$(printf '%s ' bin/weir bin/weir-keyd bin/weir-mount bin/weir-witness \
	lib/systemd/system/weir-ask@.service \
	lib/systemd/system/weir-keyd@.service \
	lib/systemd/system/weir-keyd@.socket \
	lib/systemd/system/weir-witness.service lib/sysusers.d/weir.conf \
	lib/tmpfiles.d/weir.conf lib/udev/rules.d/60-weir.rules \
	libexec/weir/weir-readahead \
	share/bash-completion/completions/weir \
	share/bash-completion/completions/weir-keyd \
	share/bash-completion/completions/weir-mount \
	share/bash-completion/completions/weir-witness \
	share/fish/vendor_completions.d/weir-keyd.fish \
	share/fish/vendor_completions.d/weir-mount.fish \
	share/fish/vendor_completions.d/weir-witness.fish \
	share/fish/vendor_completions.d/weir.fish share/man/man1/weir.1 \
	share/man/man8/weir-keyd.8 share/man/man8/weir-mount.8 \
	share/man/man8/weir-witness.8 share/zsh/site-functions/_weir \
	share/zsh/site-functions/_weir-programs)" 'a package has all of this'

# systemd-analyze reads from $root: what it says of the host's own units, and of
# a manual that is not installed there, is not ours.
verify()
{
	SYSTEMD_UNIT_PATH=$units: systemd-analyze verify --man=no \
	    "$@" 2>&1 | grep weir | grep -v 'not executable: No such file'
}
is "$(verify "$units/weir-keyd@x.service" "$units/weir-keyd@x.socket" \
    "$units/weir-ask@x.service" "$units/weir-witness.service")" '' \
    'systemd understands the units'
sed 's/^Restart=/Restrat=/' "$units/weir-keyd@.service" >"$tmp/bad@.service"
like "$(SYSTEMD_UNIT_PATH=$tmp: systemd-analyze verify --man=no \
    "$tmp/bad@x.service" 2>&1)" 'Restrat' 'and would say so if it did not'

# In tenths: 0 is nothing, 100 all that there is.
exits 0 'the exposure of weir-keyd is at most 1.5' systemd-analyze security \
    --offline=true --threshold=15 --no-pager "$units/weir-keyd@.service"
grep -v '^RestrictNamespaces=' "$units/weir-keyd@.service" \
    >"$tmp/weir-open@.service"
exits 1 'with one line less it is more' systemd-analyze security \
    --offline=true --threshold=15 --no-pager "$tmp/weir-open@.service"

mkdir -p "$root/etc"
exits 0 'accounts are understood' systemd-sysusers --root="$root" \
    "$root/usr/lib/sysusers.d/weir.conf"
like "$(cat "$root/etc/passwd")" '^weir:.*:/var/lib/weir-keyd:/usr/sbin/nologin$' \
    'weir-keyd has one of its own'
exits 0 'directories are understood' systemd-tmpfiles --root="$root" --create \
    "$root/usr/lib/tmpfiles.d/weir.conf"
is "$(stat -c '%a %u' "$root/var/lib/weir-keyd")" \
    "755 $(sed -n 's/^weir:[^:]*:\([0-9]*\):.*/\1/p' "$root/etc/passwd")" \
    'vaults lie in its directory'
is "$(stat -c '%a' "$root/etc/credstore.encrypted")" 700 \
    'sealed secrets are for root'
done_testing
