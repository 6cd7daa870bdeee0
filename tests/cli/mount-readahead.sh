#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# How far the kernel reads ahead in mounts that root did not make: what
# weir-readahead says of them, and that udev, with 60-weir.rules, sets it.  This
# runs in a mount namespace of its own, in which a user may open /dev/fuse and
# udev has no other rule.
if [ "$(id -u)" -eq 0 ] && [ -z "${WEIR_TEST_FUSE:-}" ] &&
    command -v unshare >/dev/null; then
	node=$(mktemp -d "${TMPDIR:-/tmp}/weir-fuse.XXXXXX")
	WEIR_TEST_FUSE=$node
	export WEIR_TEST_FUSE
	# shellcheck disable=SC2016 # it is the shell in there that expands it
	unshare -m sh -c 'mount --make-rprivate / &&
	    mknod -m 666 "$WEIR_TEST_FUSE/fuse" c 10 229 &&
	    mount --bind "$WEIR_TEST_FUSE/fuse" /dev/fuse
	    exec sh "$@"' sh "$0" "$@"
	status=$?
	rm -rf "$node"
	exit $status
fi
. "$(dirname "$0")/lib.sh"
requires root fuse setpriv fusermount3 make udevadm

user=65534
as()
{
	setpriv --reuid $user --regid $user --clear-groups -- env \
	    HOME="$tmp/home" WEIR_STATE_DIR="$tmp/home/state" "$@"
}
as sh -c ': <>/dev/fuse' 2>/dev/null ||
    skip_all 'a user may not open /dev/fuse here'
[ -u "$(command -v fusermount3)" ] || skip_all 'fusermount3 is not setuid'

make -s -C "$top" BUILD="$BUILD" PREFIX="$tmp/weir" put-in-place 2>"$tmp/make"
ok $? 'weir is installed'
helper=$tmp/weir/libexec/weir/weir-readahead
rule=$tmp/weir/lib/udev/rules.d/60-weir.rules
PATH=$tmp/weir/bin:$PATH
chmod 755 "$tmp"
mkdir -m 700 "$tmp/home"
mkdir "$tmp/home/all" "$tmp/home/some" "$tmp/home/m"
head -c 32 /dev/urandom >"$tmp/home/key"
head -c 3000000 /dev/urandom >"$tmp/home/m/w.bin"
chown -R $user:$user "$tmp/home"
chmod 600 "$tmp/home/key"
WEIR_VAULT=$tmp/home/vault
WEIR_KEY_FILE=$tmp/home/key
export WEIR_VAULT WEIR_KEY_FILE
cd "$tmp/home" || exit 1

as weir init "$WEIR_VAULT" >"$tmp/recovery" 2>&1
account=$(as id -un)
for grant in 'all --loads 9' 'some --browse'; do
	as weir put "${grant%% *}" m >"$tmp/ref-${grant%% *}" 2>"$tmp/.err"
	# shellcheck disable=SC2086 # a word each
	as weir grant add $grant --to "user:$account" --reason t 2>"$tmp/.err"
	ok $? "a grant: $grant" || diag "$(cat "$tmp/.err")"
	mnt=$tmp/home/${grant%% *}
	cleanup_fn unmount "$mnt"
	exits 0 'and a mount' as weir mount --allow-unsigned \
	    "$(cat "$tmp/ref-${grant%% *}")" "$mnt"
done
device()
{
	awk -v at="$1" '$5 == at { print $3 }' /proc/self/mountinfo
}
ahead()
{
	cat "/sys/class/bdi/$1/read_ahead_kb"
}
all=$(device "$tmp/home/all")
some=$(device "$tmp/home/some")

# --- the helper ---

exits 0 'who may load' "$helper" "$all"
is "$out" 16384 'has 16 MiB read ahead'
exits 0 'who may browse' "$helper" "$some"
is "$out" 128 'what a request is, and no more'
mkdir "$tmp/other"
mount -t tmpfs -o size=64k weir:llama "$tmp/other"
cleanup_fn umount "$tmp/other"
exits 1 'what is not a mount of weir' "$helper" "$(device "$tmp/other")"
is "$out" '' 'is left as it is'
exits 1 'what is not mounted' "$helper" 0:999999
is "$out" '' 'too'
# shellcheck disable=SC2016 # it is not to be expanded
for word in '' sda 8 '0:x; id' '$(id)'; do
	exits 2 "a device that is none: '$word'" "$helper" "$word"
	is "$out" '' 'is no use'
done

# --- the rule ---

[ -w "/sys/class/bdi/$all/read_ahead_kb" ] || {
	ok 0 'the rule # SKIP /sys is not to be written to here'
	done_testing
}
mkdir "$tmp/none" "$tmp/run"
for d in /usr/lib/udev/rules.d /lib/udev/rules.d /etc/udev/rules.d; do
	[ -d "$d" ] || continue
	mount --bind "$tmp/none" "$d" && cleanup_fn umount "$d"
done
mkdir -p /run/udev && mount -t tmpfs tmpfs /run/udev && mkdir /run/udev/rules.d
ok $? 'udev has no rules'
# What udev does when a device of this kind comes.
comes()
{
	udevadm test --action=add "/sys/class/bdi/$1" >"$tmp/udev" 2>&1
}
before=$(ahead "$all")
comes "$all"
is "$(ahead "$all")" "$before" 'without one of weir'\''s nothing is set'
unlike "$before" '^16384$' 'and it is less than 16 MiB'
cp "$rule" /run/udev/rules.d/
comes "$all"
is "$(ahead "$all")" 16384 'with it, who may load has 16 MiB' ||
    diag "$(cat "$tmp/udev")"
comes "$some"
is "$(ahead "$some")" 128 'and who may browse 128 KiB'
unlike "$(cat "$tmp/udev")" '60-weir.rules.*([Ii]nvalid|unknown|[Uu]nexpected)' \
    'udev finds nothing wrong with it'
as cmp -s "$tmp/home/all/all/@$(sed 's/.*@//' "$tmp/ref-all")/w.bin" m/w.bin
ok $? 'and it reads what was put'
exits 0 'the one is unmounted' as weir umount "$tmp/home/all"
exits 0 'and the other' as weir umount "$tmp/home/some"
done_testing
