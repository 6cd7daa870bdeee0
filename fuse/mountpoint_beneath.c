/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuse/mountpoint.h"
#include "vault/err.h"
#include "vault/log.h"

#define NUMBER_SIZE 16
#define BENEATH 0x00000200 /* MOVE_MOUNT_BENEATH, since Linux 6.5 */

/* Older kernels refuse what they do not know before looking at descriptors. */
static bool
has_beneath(void)
{
	return move_mount(-1, "", -1, "",
		   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH |
		       BENEATH) == 0 ||
	    errno == EBADF;
}

static bool
set(int context, const char *key, const char *value)
{
	return fsconfig(context, FSCONFIG_SET_STRING, key, value, 0) == 0;
}

static bool
set_number(int context, const char *key, unsigned int n)
{
	char text[NUMBER_SIZE];

	snprintf(text, sizeof(text), "%u", n);
	return set(context, key, text);
}

/* What mount_as_root asks for, by options. */
static bool
configure(int context, const struct mountpoint_how *how, int fuse)
{
	return set(context, "source", how->source) &&
	    set(context, "subtype", "weir") &&
	    set_number(context, "fd", (unsigned int)fuse) &&
	    set(context, "rootmode", "40000") &&
	    set_number(context, "user_id", how->uid) &&
	    set_number(context, "group_id", how->gid) &&
	    fsconfig(context, FSCONFIG_SET_FLAG, "default_permissions", NULL,
		0) == 0 &&
	    fsconfig(context, FSCONFIG_SET_FLAG, "ro", NULL, 0) == 0 &&
	    fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0;
}

/* Its device is known without asking who serves it. */
static int
learn_device(int apart, struct mountpoint_made *made)
{
	struct statx st;

	if (statx(apart, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &st) != 0)
		return log_sys("statx of a mount");
	made->major = st.stx_dev_major;
	made->minor = st.stx_dev_minor;
	return 0;
}

int
mountpoint_apart(const struct mountpoint_how *how, struct mountpoint_made *out,
    int *apart)
{
	OWNED_FD fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	OWNED_FD context = geteuid() == 0 ? fsopen("fuse", FSOPEN_CLOEXEC) : -1;
	int err;

	if (fuse < 0 || context < 0 || !has_beneath() ||
	    !configure(context, how, fuse))
		return ERR_DENIED;
	OWNED_FD mount = fsmount(context, FSMOUNT_CLOEXEC,
	    MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);

	if (mount < 0)
		return ERR_DENIED;
	err = learn_device(mount, out);
	if (err != 0)
		return err;
	out->fd = fuse;
	*apart = mount;
	fuse = mount = -1;
	return 0;
}

int
mountpoint_replace(int apart, const struct mountpoint_made *old)
{
	OWNED_MEM(char) path = NULL;
	int fd, err = mountpoint_root(old, &fd, &path);

	if (err != 0)
		return log_err(err,
		    "the mount is not where it was, or covered");
	OWNED_FD top = fd;

	if (move_mount(apart, "", top, "",
		MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH | BENEATH) !=
	    0)
		return log_sys("a mount beneath '%s'", path);
	err = mountpoint_leave(old, true);
	/* The one beneath cannot be taken back: what covers would go, too. */
	if (err == ERR_CONFLICT)
		return log_err(err,
		    "'%s' was covered by another mount at that moment: the old "
		    "versions stay, and beneath them is a mount without a "
		    "worker, for weir umount --force '%s' in the end",
		    path, path);
	return err;
}
