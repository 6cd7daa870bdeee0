#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# docs/mounting.md: its Slurm prolog and epilog under Slurm's variables, and
# containers of root and of a user that are given a mount of their host's.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../lib/service.sh"
requires unshare nsenter

service_accounts
service_vault
service_slurm

# --- Slurm ---

slurm()
{
	env SLURM_JOB_ID="$2" SLURM_JOB_USER="$3" \
	    SLURM_JOB_UID="$(id -u "$3")" WEIR_SLURM="$tmp/slurm" \
	    sh "$examples/slurm-$1.sh"
}
mnt=$jobs/71/models
cleanup_fn unmount "$mnt"
exits 0 'the prolog of a job' slurm prolog 71 "$alice"
as "$alice" cmp -s "$mnt/llama/prod/w.bin" "$tmp/m/w.bin"
ok $? 'mounts what its user reads'
is "$(as "$bob" cat "$mnt/llama/prod/w.bin" 2>/dev/null | wc -c)" 0 \
    'nobody else does'
is "$(head -c 9 "$mnt/llama/prod/w.bin" 2>/dev/null | wc -c)" 0 'nor root'
exits 0 'the prolog of another step' slurm prolog 71 "$alice"
is "$(grep -c " $mnt " /proc/self/mountinfo)" 1 'mounts nothing twice'
exits 0 'somebody whom nothing is configured for' slurm prolog 72 root
fails 'gets nothing' test -e "$jobs/72"
exits 0 'somebody without a grant drains no node' slurm prolog 73 "$bob"
like "$(as "$bob" cat "$jobs/73/why")" "user:$bob has no grant" \
    'and finds the reason'
exits 0 'the epilog of that' slurm epilog 73 "$bob"
fails 'leaves nothing' test -e "$jobs/73"
sed 's,^WEIR_VAULT=.*,WEIR_VAULT=/nowhere,' "$tmp/slurm" >"$tmp/slurm.bad"
mv "$tmp/slurm" "$tmp/slurm.good"
cp "$tmp/slurm.bad" "$tmp/slurm"
slurm prolog 74 "$alice" 2>"$tmp/why"
is "$?" 0 'a vault that is not there is told to the job'
like "$(cat "$jobs/74/why")" '/nowhere' 'by its name'
mv "$tmp/slurm.good" "$tmp/slurm"

# shellcheck disable=SC2016 # the shell in there expands it
become "$alice" sh -c 'exec 7<"$1"; echo >"$2"; exec sleep 600' sh \
    "$mnt/llama/prod/w.bin" "$tmp/home-$alice/began" &
holder=$!
cleanup_fn end_process $holder
wait_for 60 test -e "$tmp/home-$alice/began"
exits 0 'an epilog with somebody left' slurm epilog 71 "$alice"
like "$err" "in use by sleep [(]${holder}[)]" 'names who that is'
fails 'and leaves nothing mounted' grep -q " $mnt " /proc/self/mountinfo
fails 'nor a directory' test -e "$jobs/71"
end_process $holder

# --- containers, by a mount of the host's ---

uid=$(id -u "$alice")
gid=$(id -g "$alice")
host=$tmp/containers/chat
mkdir -p "$host" "$tmp/rootfs"
# As /run is where systemd runs.
mount --bind "$host" "$host" && mount --make-shared "$host"
ok $? 'a directory whose mounts others see, too'
cleanup_fn umount -l "$host"
mkdir "$host/models"
cleanup_fn unmount "$host/models"
# shellcheck disable=SC2317 # exits calls it
mount_it()
{
	weir mount --quiet --user "$alice" llama:prod "$host/models"
}
exits 0 'a mount for the account of containers' mount_it
fails 'nobody else, a kubelet for one, looks at it' stat "$host/models"

# What a runtime does with a volume that is HostToContainer, or rslave.
cat >"$tmp/container" <<'SH'
mount -t tmpfs tmpfs "$1" && mkdir "$1/weir" &&
    mount --rbind "$2" "$1/weir" && mount --make-rslave "$1/weir" &&
    : >"$1/up" && echo $$ >"$3" && exec sleep 600
SH
unshare -m --propagation slave sh "$tmp/container" "$tmp/rootfs" "$host" \
    "$tmp/pid" &
cleanup_fn end_process $!
wait_for 60 test -s "$tmp/pid"
ok $? 'a container has the directory above it'
# Somebody in there, as runAsUser and runAsGroup say.
run_as()
{
	nsenter -t "$(cat "$tmp/pid")" -m setpriv --reuid "$1" --regid "$2" \
	    --clear-groups -- cat "$tmp/rootfs/weir/models/llama/prod/w.bin"
}
run_as "$uid" "$gid" | cmp -s - "$tmp/m/w.bin"
ok $? 'its user reads'
is "$(run_as "$uid" "$(id -g "$bob")" 2>/dev/null | wc -c)" 0 \
    'not with another group'
is "$(run_as "$(id -u "$bob")" "$gid" 2>/dev/null | wc -c)" 0 \
    'nor another user with that group'
is "$(run_as 0 0 2>/dev/null | wc -c)" 0 'nor a container that runs as root'
exits 0 'it is unmounted' weir umount "$host/models"
fails 'in the container, too' run_as "$uid" "$gid"
exits 0 'and mounted anew' mount_it
run_as "$uid" "$gid" | cmp -s - "$tmp/m/w.bin"
ok $? 'which the container sees'

# Podman and the like, without root: in there the user is root.
mkdir -m 755 "$tmp/rootfs2"
chown "$alice" "$tmp/rootfs2"
# shellcheck disable=SC2016 # the shell in there expands it
rootless='mount -t tmpfs tmpfs "$1" && mkdir "$1/weir" &&
    mount --rbind "$2" "$1/weir" && cat "$1/weir/models/llama/prod/w.bin"'
as "$alice" unshare --user --map-root-user --mount sh -c "$rootless" sh \
    "$tmp/rootfs2" "$host" | cmp -s - "$tmp/m/w.bin"
ok $? 'the user'\''s own container reads'
chown "$bob" "$tmp/rootfs2"
is "$(as "$bob" unshare --user --map-root-user --mount sh -c "$rootless" sh \
    "$tmp/rootfs2" "$host" 2>/dev/null | wc -c)" 0 'somebody else'\''s does not'
exits 0 'the mount goes' weir umount "$host/models"

# --- a mount in a user namespace ---

mkdir "$tmp/home-$alice/mnt"
chown "$alice" "$tmp/home-$alice/mnt"
in_namespace()
{
	# shellcheck disable=SC2016 # the shell in there expands it
	as "$alice" unshare --user "$@" --mount sh -c 'weir mount --quiet \
	    llama:prod "$1" -- cat "$1/llama/prod/w.bin"' sh \
	    "$tmp/home-$alice/mnt"
}
if as "$alice" sh -c ': <>/dev/fuse' 2>/dev/null; then
	in_namespace --map-current-user --keep-caps 2>"$tmp/.err" |
	    cmp -s - "$tmp/m/w.bin"
	ok $? 'somebody mounts in a user namespace' || diag "$(cat "$tmp/.err")"
	exits 4 'not as its root' in_namespace --map-root-user
	like "$err" '[-]-map-current-user --keep-caps' 'which is told what does'
else
	ok 0 'a user namespace # SKIP a user may not open /dev/fuse here'
fi

# --- what the pages say ---

is "$(sed -n 's/^ *runAs\(User\|Group\): //p' "$examples/pod.yaml" | sort -u |
    wc -l)" 1 'the pod has the account'\''s uid and its group'
path=$(sed -n 's/^ *path: //p' "$examples/pod.yaml")
like "$(sed 's/%i/chat/g' "$examples/weir-model@.service")" \
    "weir mount .* $path/models\$" 'and the directory above the unit'\''s mount'
for f in "$examples"/*; do
	grep -q "mounting/${f##*/}" "$top/docs/mounting.md" || diag "${f##*/}"
	grep -q "mounting/${f##*/}" "$top/docs/mounting.md"
done
ok $? 'docs/mounting.md tells of each'
done_testing
