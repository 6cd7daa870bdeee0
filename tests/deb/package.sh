#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The Debian package: lintian has nothing to say, it holds what make install
# puts in place, and a host that installs, upgrades and removes it keeps its
# vault, and its jobs read on.  See tests/lib/boot.sh.
. "$(dirname "$0")/../cli/lib.sh"
. "$(dirname "$0")/../lib/boot.sh"
requires dpkg-buildpackage dh lintian fuse runuser jq

exits 0 'a package is made, and lintian finds no error and nothing to warn of' \
    env OUT="$tmp/first" sh "$top/debian/make-deb.sh"
first=$(printf '%s\n' "$out" | grep -v dbgsym)
exits 0 'and one that is newer' env OUT="$tmp/second" VERSION=0.1+test \
    DEBFULLNAME='Somebody & Co.' DEBEMAIL=packages@site.example \
    sh "$top/debian/make-deb.sh"
second=$(printf '%s\n' "$out" | grep -v dbgsym)

# --- what is in it ---

make -s -C "$top" BUILD="$BUILD" DESTDIR="$tmp/place" PREFIX=/usr \
    ZSHDIR=share/zsh/vendor-completions put-in-place
(cd "$tmp/place/usr" && find . -type f) | sed 's,^\./,,
    s,^lib/\(systemd\|udev\)/,/lib/\1/,; /^[^/]/s,^,/usr/,
    s,\(/man/.*\),\1.gz,' | sort >"$tmp/wanted"
dpkg-deb -c "$first" | awk '/^-/ { sub(/^\./, "", $6); print $6 }' |
    grep -v '^/usr/share/doc/' | sort >"$tmp/got"
is "$(diff "$tmp/wanted" "$tmp/got")" '' 'it holds what make install installs'
is "$(dpkg-deb -c "$first" | awk '$2 != "root/root" { print $2 }')" '' \
    'all of it is root'\''s'
like "$(dpkg-deb -c "$first")" '/usr/share/doc/weir/README' 'and pages to read'
is "$(dpkg-deb -f "$first" Version)" "$(weir version | sed 's/weir //')" \
    'it has the version that weir says it has'
is "$(dpkg-deb -f "$second" Maintainer)" \
    'Somebody & Co. <packages@site.example>' 'who builds it is its maintainer'
mkdir "$tmp/tree"
dpkg-deb -x "$first" "$tmp/tree"
exits 0 'a program of it runs' "$tmp/tree/usr/bin/weir" version
is "$(cd "$tmp/tree/usr/bin" && for p in *; do
	readelf -W -S "$p" | grep '\.debug_'; done)" '' 'without debugging data'

# --- installed ---

boots
inside rm -f /usr/sbin/policy-rc.d
take()
{
	inside sh -c 'cat >/root/weir.deb && DEBIAN_FRONTEND=noninteractive \
	    dpkg -i /root/weir.deb' <"$1" >"$tmp/dpkg" 2>&1
}
take "$first"
ok $? 'it is installed' || diag "$(cat "$tmp/dpkg")"
like "$(inside getent passwd weir)" ':/var/lib/weir-keyd:/usr/sbin/nologin$' \
    'with an account'
is "$(inside stat -c '%U %a' /var/lib/weir-keyd /etc/weir/trust.d | tr '\n' ' ')" \
    'weir 755 root 755 ' 'and its directories'
is "$(inside systemctl is-enabled weir-witness.service)" disabled \
    'nothing is started that has no key'

V=/var/lib/weir-keyd/llama
unit=weir-keyd@llama.service
inside sh -c "umask 077; mkdir /run/i && echo 'open it' >/run/i/pass &&
    chown -R weir /run/i && head -c 3000000 /dev/urandom >/root/w.bin"
exits 0 'a vault' inside runuser -u weir -- weir --passphrase-file \
    /run/i/pass init $V
exits 0 'its passphrase is sealed' inside systemd-creds encrypt \
    --name=weir-unlock /run/i/pass /etc/credstore.encrypted/weir-llama
exits 0 'its service' inside systemctl enable --now $unit
sent()
{
	inside runuser -u weir -- weir -V $V "$@"
}
sent role add uploader --family llama --to user:root >/dev/null 2>&1
exits 0 'takes a model' inside weir -V $V put llama /root/w.bin
ref=$out
sent grant add llama --to user:root --loads 50 --reason t >/dev/null 2>&1
inside mkdir /mnt/m
exits 0 'which is mounted' inside weir -V $V mount "$ref" /mnt/m \
    --allow-unsigned
file=$(inside sh -c 'ls -d /mnt/m/llama/@*/w.bin')

# A job that reads all of it again and again, uncached, until it is told.
inside sh -c "while [ ! -e /run/enough ]; do
	dd if=$file bs=64k iflag=nocache 2>/run/dd.err | cmp - /root/w.bin || exit 1
	echo >>/run/rounds
done" >"$tmp/job" 2>&1 &
job=$!
cleanup_fn end_process "$job"
# shellcheck disable=SC2317 # wait_for calls it
rounds()
{
	[ "$(inside cat /run/rounds | wc -l)" -gt "$1" ]
}
wait_for 60 rounds 1
before=$(inside systemctl show -P MainPID $unit)

# --- upgraded ---

take "$second"
ok $? 'it is upgraded while a job reads' || diag "$(cat "$tmp/dpkg")"
is "$(inside systemctl is-active $unit)" active 'the service goes on'
[ "$(inside systemctl show -P MainPID $unit)" != "$before" ]
ok $? 'as the new program'
n=$(inside cat /run/rounds | wc -l)
wait_for 60 rounds $((n + 2))
ok $? 'the job reads on'
inside touch /run/enough
wait "$job"
is $? 0 'and it never saw an error' || diag "$(cat "$tmp/job")"
exits 0 'the mount goes' inside weir umount /mnt/m

# --- removed ---

exits 0 'it is removed' inside dpkg -r weir
is "$(inside systemctl is-active $unit weir-keyd@llama.socket | sort -u)" \
    inactive 'which stops the service'
inside sh -c "! test -e /usr/bin/weir && ! test -e /lib/systemd/system/$unit"
ok $? 'its programs are gone'
inside test -e $V/vault.json
ok $? 'the vault is not'
exits 0 'it is purged' inside dpkg -P weir
like "$err" 'vaults are left in /var/lib/weir-keyd' 'which says what stays'
inside sh -c "test -e $V/vault.json && ! test -e /etc/weir"
ok $? 'the vault, and nothing else of its own'
take "$first"
ok $? 'it is installed again'
exits 0 'and the vault is served again' inside systemctl start $unit
exits 0 'as it was' sent check --read-data
done_testing
