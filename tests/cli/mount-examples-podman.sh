#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# docs/mounting.md, "Containers" and "Containers without root", with podman: root's
# containers of a mount that root made for an account, and a user's own.  Their
# image is this host's /usr; nothing is fetched.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../lib/service.sh"
requires podman unshare jq
service_accounts
service_vault

# What a container has to begin with.
rootfs()
{
	mkdir -p "$1/usr" "$1/proc" "$1/sys" "$1/dev" "$1/tmp" "$1/etc" \
	    "$1/run" "$1/weir"
	for d in bin lib lib64; do
		[ ! -e /usr/$d ] || ln -s usr/$d "$1/$d"
	done
}

# It wants one hierarchy of cgroups, and sees another one here: a test has none of
# its own to give away.
cat >"$tmp/podman" <<X
mount -t cgroup2 cgroup2 /sys/fs/cgroup 2>/dev/null
exec "\$@"
X
# run_podman WHO ROOTFS DIRECTORY OPTION... -- COMMAND...
run_podman()
{
	who=$1
	root=$2
	given=$3
	shift 3
	n=$#
	while [ "$n" -gt 0 ]; do
		if [ "$1" = -- ]; then
			set -- "$@" --rootfs "$root"
		else
			set -- "$@" "$1"
		fi
		shift
		n=$((n - 1))
	done
	mkdir -p "$tmp/home-$who/run" "$tmp/home-$who/storage"
	chmod 700 "$tmp/home-$who/run"
	chown "$who" "$tmp/home-$who/run" "$tmp/home-$who/storage"
	set -- podman --root "$tmp/home-$who/storage" --runroot \
	    "$tmp/home-$who/run" --cgroup-manager=cgroupfs run --rm \
	    --cgroups=disabled --network=none --ulimit nofile=1024:1024 \
	    --ulimit nproc=4096:4096 -v /usr:/usr:ro \
	    -v "$given:/weir:ro,rslave" "$@"
	[ "$who" = root ] || set -- setpriv --reuid "$who" --regid \
	    "$(id -g "$who")" --clear-groups -- "$@"
	(cd / && HOME=$tmp/home-$who XDG_RUNTIME_DIR=$tmp/home-$who/run \
	    exec unshare -m --propagation slave sh "$tmp/podman" "$@")
}
model=/weir/models/llama/prod/w.bin

# --- root's, by a mount for an account ---

uid=$(id -u "$alice")
gid=$(id -g "$alice")
mkdir "$tmp/home-root" "$tmp/root"
rootfs "$tmp/root"
host=$tmp/containers/chat
mkdir -p "$host"
# As /run is where systemd runs.
mount --bind "$host" "$host" && mount --make-shared "$host"
ok $? 'a directory whose mounts others see, too'
cleanup_fn umount -l "$host"
run_podman root "$tmp/root" "$host" -- true >"$tmp/.out" 2>&1 || {
	diag "$(cat "$tmp/.out")"
	skip_all 'podman runs no container here'
}
mkdir "$host/models"
cleanup_fn unmount "$host/models"
# shellcheck disable=SC2317 # exits calls it
mount_it()
{
	weir mount --quiet --user "$alice" llama:prod "$host/models"
}
exits 0 'a mount for the account of containers' mount_it
run_podman root "$tmp/root" "$host" --user "$uid:$gid" -- cat $model \
    2>"$tmp/.err" | cmp -s - "$tmp/m/w.bin"
ok $? 'a container with its uid and group reads' || diag "$(cat "$tmp/.err")"
is "$(run_podman root "$tmp/root" "$host" -- cat $model 2>/dev/null | wc -c)" \
    0 'not one that runs as root'
is "$(run_podman root "$tmp/root" "$host" --user "$(id -u "$bob"):$gid" -- \
    cat $model 2>/dev/null | wc -c)" 0 'nor as another user'
is "$(run_podman root "$tmp/root" "$host" --user "$uid:$(id -g "$bob")" -- \
    cat $model 2>/dev/null | wc -c)" 0 'nor with another group'

# One that runs on, while the mount is made anew.
# shellcheck disable=SC2016 # the shell in there expands it
run_podman root "$tmp/root" "$host" --user "$uid:$gid" -- sh -c 'cat "$0" |
    wc -c; while [ ! -e /weir/again ]; do sleep 0.1; done; exec cat "$0"' \
    $model >"$tmp/long" 2>"$tmp/.err" &
long=$!
wait_for 60 test -s "$tmp/long"
is "$(cat "$tmp/long")" 3000000 'a container that runs on has read'
exits 0 'it is unmounted under it' weir umount "$host/models"
exits 0 'and mounted anew' mount_it
touch "$host/again"
wait $long
ok $? 'it ends well' || diag "$(cat "$tmp/.err")"
tail -n +2 "$tmp/long" | cmp -s - "$tmp/m/w.bin"
ok $? 'and has read the new one'
exits 0 'the mount goes' weir umount "$host/models"

# --- a user's own ---

mine=$tmp/home-$alice/weir
as "$alice" mkdir -p "$mine/models"
as "$alice" sh -c ': <>/dev/fuse' 2>/dev/null || {
	ok 0 'a user mounts # SKIP a user may not open /dev/fuse here'
	done_testing
}
rootfs "$tmp/home-$alice/root"
chown -R -h "$alice" "$tmp/home-$alice/root"
cleanup_fn unmount "$mine/models"
exits 0 'a user mounts' as "$alice" weir mount --quiet llama:prod "$mine/models"
if ! run_podman "$alice" "$tmp/home-$alice/root" "$mine" -- true \
    >"$tmp/.out" 2>&1; then
	diag "$(cat "$tmp/.out")"
	ok 0 'podman without root # SKIP it runs no container here'
else
	run_podman "$alice" "$tmp/home-$alice/root" "$mine" -- cat $model \
	    2>"$tmp/.err" | cmp -s - "$tmp/m/w.bin"
	ok $? 'and reads in a container without root' ||
	    diag "$(cat "$tmp/.err")"
	run_podman "$alice" "$tmp/home-$alice/root" "$mine" \
	    --userns=keep-id -- cat $model 2>"$tmp/.err" |
	    cmp -s - "$tmp/m/w.bin"
	ok $? 'as themselves in there, too' || diag "$(cat "$tmp/.err")"
	is "$(run_podman "$alice" "$tmp/home-$alice/root" "$mine" --user 7 -- \
	    cat $model 2>/dev/null | wc -c)" 0 'not as another one in there'
fi
# What podman leaves to hold a user's namespaces.
for pid in $(pgrep -u "$alice" podman) $(pgrep -u "$alice" catatonit); do
	kill "$pid" 2>/dev/null
done
exits 0 'that mount goes' as "$alice" weir umount "$mine/models"
done_testing
