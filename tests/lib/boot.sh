# shellcheck shell=sh disable=SC2154 # tmp is lib.sh's
# SPDX-License-Identifier: Apache-2.0
#
# A systemd of its own for a test, in namespaces and on a copy of this host's
# files that is gone afterwards.  After lib.sh:
#
#	boots			the test is skipped where it does not
#	inside COMMAND...	run something there, as root
#
# What it would change of the kernel's is read-only for it.

# The cgroup that all of it is in, below the host's.
boot_group=

boot_end()
{
	[ -z "${boot_pid:-}" ] || kill -9 "$boot_pid" 2>/dev/null
	[ -z "${boot_shell:-}" ] || wait "$boot_shell" 2>/dev/null
	[ -z "$boot_group" ] || wait_for 60 boot_sweep
}

boot_sweep()
{
	find "$boot_group" -mindepth 1 -depth -type d -exec rmdir {} + &&
	    rmdir "$boot_group"
}

boot_inside()
{
	nsenter -t "$boot_pid" -m -p -C -i -r -w "$@"
}

inside()
{
	boot_inside env -u NOTIFY_SOCKET "$@"
}

boot_up()
{
	inside systemctl is-active -q weir-test.target
}

# What runs in the namespaces until systemd does.
boot_write()
{
	cat >"$tmp/boot" <<'SH'
set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
r=$1/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$r"
mount -t proc proc "$r/proc"
mount --bind -o ro /proc/sys "$r/proc/sys"
mount -o remount,ro,bind "$r/proc/sys"
mount -t sysfs -o ro sysfs "$r/sys"
mount -t cgroup2 cgroup2 "$r/sys/fs/cgroup"
for d in run tmp dev; do
	mount -t tmpfs tmpfs "$r/$d"
done
mkdir "$r/dev/shm" "$r/dev/pts"
mount -t tmpfs tmpfs "$r/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$r/dev/pts"
ln -s pts/ptmx "$r/dev/ptmx"
ln -s /proc/self/fd "$r/dev/fd"
for n in 'null 1 3' 'zero 1 5' 'full 1 7' 'random 1 8' 'urandom 1 9' \
    'tty 5 0' 'fuse 10 229'; do
	set -- "$1" $n
	mknod -m 666 "$r/dev/$2" c "$3" "$4"
done
# Nothing of the host's own is started, and the journal is kept nowhere.
rm -rf "$r/etc/systemd/system"
mkdir -p "$r/etc/systemd/system" "$r/run/systemd/system"
for u in systemd-remount-fs systemd-sysctl systemd-modules-load \
    systemd-binfmt systemd-update-utmp systemd-journal-flush \
    systemd-tmpfiles-setup systemd-tmpfiles-setup-dev systemd-sysusers \
    systemd-udevd systemd-udev-trigger systemd-hwdb-update \
    systemd-firstboot systemd-random-seed systemd-networkd; do
	ln -s /dev/null "$r/etc/systemd/system/$u.service"
done
for u in dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount \
    sys-kernel-tracing.mount sys-fs-fuse-connections.mount \
    proc-sys-fs-binfmt_misc.automount swap.target local-fs.target; do
	ln -s /dev/null "$r/etc/systemd/system/$u"
done
cat >"$r/etc/systemd/system/weir-test.target" <<'UNIT'
[Unit]
Requires=basic.target
After=basic.target
AllowIsolate=yes
UNIT
: >"$r/etc/fstab"
# Credentials are mounted by a child, for all.
mount --make-rshared "$r"
cd "$r"
export container=weir-test
exec chroot . /lib/systemd/systemd --unit=weir-test.target --log-target=journal
SH
}

# Install what was built there, as a package would.
boot_install()
{
	make -s -C "$top" BUILD="$BUILD" DESTDIR="$tmp/place" PREFIX=/usr \
	    put-in-place &&
	    tar -C "$tmp/place" -c . | inside tar -C / --no-same-owner -x &&
	    inside systemd-sysusers weir.conf &&
	    inside systemd-tmpfiles --create weir.conf &&
	    inside systemctl daemon-reload
}

boots()
{
	requires root unshare nsenter systemctl systemd-creds mountpoint
	[ -x /lib/systemd/systemd ] || skip_all 'this needs systemd'
	boot_group=/sys/fs/cgroup
	[ -e "$boot_group/cgroup.controllers" ] || boot_group=$boot_group/unified
	boot_group=$boot_group/weir-test.$$
	mkdir "$boot_group" 2>/dev/null || {
		boot_group=
		skip_all 'this needs a cgroup of its own'
	}
	boot_write
	mkdir "$tmp/machine"
	cleanup_fn boot_end
	# shellcheck disable=SC2016 # it is the shell in there that expands it
	sh -c 'echo $$ >"$1/cgroup.procs" && exec unshare -m -p -C -i -f \
	    --kill-child --propagation private sh "$2" "$3"' sh \
	    "$boot_group" "$tmp/boot" "$tmp/machine" >"$tmp/boot.log" 2>&1 &
	boot_shell=$!
	if ! wait_for 60 boot_find || ! wait_for 60 boot_up; then
		diag "$(cat "$tmp/boot.log")"
		skip_all 'systemd does not boot in a namespace here'
	fi
}

boot_find()
{
	boot_pid=$(pgrep -P "$boot_shell" -f '^/lib/systemd/systemd --unit=weir')
}
