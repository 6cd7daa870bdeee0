/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_MOUNTPOINT_H
#define WEIR_MOUNTPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "vault/owned.h"

/*
 * Mounts of weir, as the kernel lists them.  Nothing here touches what is
 * mounted: a root that looks into a user's mount gets EACCES, and a mount whose
 * worker is gone or waits would hang or fail.
 */
struct mountpoint {
	char *path;
	char *source;	     /* weir:MODEL@VERSION */
	unsigned int number; /* of this mount; its device may have several */
	unsigned int major, minor;
	uid_t uid;    /* who may use it */
	bool covered; /* something else is mounted over it */
};

/* In the order of mounting. */
struct mountpoint_list {
	struct mountpoint *items;
	size_t count;
};

/* All mounts of weir in this namespace. */
int mountpoint_list(struct mountpoint_list *out) MUST_USE;
void mountpoint_list_clear(struct mountpoint_list *l);
#define OWNED_MOUNTPOINTS                                                      \
	__attribute__((cleanup(mountpoint_list_clear))) struct mountpoint_list

/* The same out of the text of /proc/self/mountinfo (proc(5)); lines that are
 * not understood are passed over.  ERR_NOMEM. */
int mountpoint_parse(struct mountpoint_list *out, const char *text) MUST_USE;

/* The mount at this path, without links: the one that nothing covers, else the
 * last one; NULL if there is none. */
const struct mountpoint *mountpoint_at(const struct mountpoint_list *l,
    const char *path);

/* The mount of this device, wherever it is now; of several places the one
 * mounted last.  NULL if it is nowhere. */
const struct mountpoint *mountpoint_of(const struct mountpoint_list *l,
    unsigned int major, unsigned int minor);

/* A directory to mount on: what was looked at is what is mounted on. */
struct mountpoint_place {
	int dir;
	char *path; /* absolute, without links */
};

/* ERR_NOT_FOUND, ERR_CONFLICT (a mount of weir is there). */
int mountpoint_find(struct mountpoint_place *out, const char *path) MUST_USE;
/* That a mount there would not hide the vault or a part of it, or all there is:
 * ERR_CONFLICT.  ERR_NOT_FOUND: there is no vault. */
int mountpoint_spares(const struct mountpoint_place *p, const char *vault)
    MUST_USE;
void mountpoint_place_clear(struct mountpoint_place *p);

/* The path, absolute and without links, of a mount of weir that stands there;
 * the caller frees.  ERR_NOT_FOUND. */
int mountpoint_name(char **out, const char *path) MUST_USE;

struct mountpoint_how {
	const char *source;
	uid_t uid; /* the only one that will be let in, with this group */
	gid_t gid;
	unsigned int readahead_kb; /* what mountpoint_readahead will set */
};

/*
 * A mount that this process made, whatever becomes of its path.  Its device is
 * no other mount's as long as it is there, and the descriptor knows whether it
 * is.
 */
struct mountpoint_made {
	int fd; /* /dev/fuse, to serve it by; -1: none was made */
	unsigned int major, minor;
};

/*
 * Mount, read-only.  By mount(2) for root; by fusermount3 for others, who
 * mount for themselves.
 */
int mountpoint_mount(const struct mountpoint_place *p,
    const struct mountpoint_how *how, struct mountpoint_made *out) MUST_USE;

/*
 * Unmount a mount of weir.  ERR_NOT_FOUND if there is none; ERR_CONFLICT, with
 * a line that names the processes that use it where that can be told.  With
 * force it goes from the tree at once, and ends when its last file is closed.
 */
int mountpoint_umount(const char *path, bool force) MUST_USE;

/*
 * The same for a mount that this process made: wherever it is now, it alone,
 * and nothing logged when it is in use.  ERR_NOT_FOUND, not logged, when
 * somebody has unmounted it; ERR_CONFLICT even with force when it is covered
 * by another mount, which must go first.
 */
int mountpoint_leave(const struct mountpoint_made *m, bool force) MUST_USE;

/*
 * Mount without a place: *apart holds it, and closed it is gone.  By root on
 * Linux 6.5 and newer; ERR_DENIED, not logged, for others.  Then put it beneath
 * the mount at old's place and unmount that, as mountpoint_leave does with
 * force: no moment is without one.  Its errors, too.
 */
int mountpoint_apart(const struct mountpoint_how *how,
    struct mountpoint_made *out, int *apart) MUST_USE;
int mountpoint_replace(int apart, const struct mountpoint_made *old) MUST_USE;

/* The root of such a mount where it is now, and its path, which the caller
 * frees; errors as of mountpoint_leave. */
int mountpoint_root(const struct mountpoint_made *m, int *out, char **path)
    MUST_USE;

/* Let go of the descriptor: without a worker, readers get an error from here
 * on. */
void mountpoint_made_clear(struct mountpoint_made *m);

/* The kernel's read-ahead of a mount whose INIT is done.  Root only: for others
 * udev sets it where 60-weir.rules is installed, and ERR_DENIED, not logged,
 * says that it has not. */
int mountpoint_readahead(const struct mountpoint_made *m, unsigned int kb)
    MUST_USE;

#endif
