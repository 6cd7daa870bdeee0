#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A user without privileges mounts, by fusermount3, as on a desktop or a login
# node where /dev/fuse is for everybody.  Where it is not, this runs in a mount
# namespace of its own in which it is.
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
requires root fuse setpriv fusermount3 jq

user=65534
other=65533
as()
{
	who=$1
	shift
	setpriv --reuid "$who" --regid "$who" --clear-groups -- env \
	    HOME="$tmp/home" "$@"
}
as $user sh -c ': <>/dev/fuse' 2>/dev/null ||
    skip_all 'a user may not open /dev/fuse here'
[ -u "$(command -v fusermount3)" ] || skip_all 'fusermount3 is not setuid'

# All that it needs is the user's own.
mkdir -m 755 "$tmp/bin"
cp "$BUILD"/weir "$BUILD"/weir-keyd "$BUILD"/weir-mount "$tmp/bin/"
PATH=$tmp/bin:$PATH
chmod 755 "$tmp"
mkdir -m 700 "$tmp/home"
mkdir "$tmp/home/mnt" "$tmp/home/m" "$tmp/home/state" "$tmp/home/keys"
head -c 32 /dev/urandom >"$tmp/home/key"
echo 'of a person' >"$tmp/home/passphrase"
head -c 3000000 /dev/urandom >"$tmp/home/m/w.bin"
chown -R $user:$user "$tmp/home"
chmod 600 "$tmp/home/key" "$tmp/home/passphrase"
chmod 700 "$tmp/home/state"
vault=$tmp/home/vault
mnt=$tmp/home/mnt
WEIR_VAULT=$vault
WEIR_KEY_FILE=$tmp/home/key
WEIR_STATE_DIR=$tmp/home/state
WEIR_KEYS=$tmp/home/keys
WEIR_KEY_PASSPHRASE_FILE=$tmp/home/passphrase
export WEIR_VAULT WEIR_KEY_FILE WEIR_STATE_DIR WEIR_KEYS
export WEIR_KEY_PASSPHRASE_FILE
cd "$tmp/home" || exit 1

exits 0 'a user makes a vault' as $user weir init "$vault"
exits 0 'puts' as $user weir put llama m
ref=$out
exits 0 'makes a key' as $user weir key gen carol
exits 0 'says who may sign' as $user weir trust init --key carol --yes --quiet
exits 0 'signs, and needs no more for it' as $user weir sign "$ref" --key carol \
    --yes --quiet
exits 0 'promotes' as $user weir promote "$ref" prod --key carol --reason t \
    --yes --quiet
name=$(as $user id -un)
exits 0 'grants' as $user weir grant add llama --to "user:$name" --loads 9 \
    --reason t

cleanup_fn unmount "$mnt"
exits 0 'and mounts' as $user weir mount llama:prod "$mnt"
like "$(cat /proc/self/mountinfo)" " $mnt .*fuse.*user_id=$user,group_id=$user" \
    'by fusermount3, as the user'
as $user cmp -s "$mnt/llama/prod/w.bin" m/w.bin
ok $? 'the user reads what was put'
is "$(as $other cat "$mnt/llama/prod/w.bin" 2>/dev/null | wc -c)" 0 \
    'somebody else reads nothing'
is "$(head -c 9 "$mnt/llama/prod/w.bin" 2>/dev/null | wc -c)" 0 'nor does root'
# The monitor of this mount, and its worker.
monitor()
{
	pgrep -f "^weir-mount .*$mnt"
}
worker()
{
	pgrep -P "$(monitor)" -f '^weir-mount --worker$'
}
is "$(grep -h '^CapEff' "/proc/$(monitor)/status" "/proc/$(worker)/status" |
    sort -u | tr -d ' \t')" 'CapEff:0000000000000000' \
    'nothing of it has a capability'

echo more >>m/w.bin
exits 0 'another version' as $user weir put llama m
new=$out
as $user weir sign "$new" --key carol --yes --quiet >/dev/null 2>&1
as $user weir promote "$new" prod --key carol --reason t --yes --quiet \
    >/dev/null 2>&1
exits 0 'is shown after a refresh' as $user weir session refresh "$mnt"
as $user cmp -s "$mnt/llama/prod/w.bin" m/w.bin
ok $? 'as it is'

exits 0 'the user unmounts' as $user weir umount "$mnt"
unlike "$(cat /proc/self/mountinfo)" " $mnt " 'which leaves nothing mounted'
exits 0 'a command in the mount' as $user weir mount llama:prod "$mnt" -- \
    cmp "$mnt/llama/prod/w.bin" m/w.bin
unlike "$(cat /proc/self/mountinfo)" " $mnt " 'which goes with it'

# fusermount3 lets a user mount where the user may write, and nowhere else.
mkdir -m 755 "$tmp/roots"
fails 'a mount on a directory of root' as $user weir mount llama:prod \
    "$tmp/roots"
exits 0 'a mount whose worker is killed' as $user weir mount llama:prod "$mnt"
kill -9 "$(worker)"
wait_for 60 sh -c "! grep -q ' $mnt ' /proc/self/mountinfo"
ok $? 'is taken down by its monitor'
done_testing
