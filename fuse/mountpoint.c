/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/mountpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuse/busy.h"
#include "fuse/fusermount.h"
#include "keys/vaultdir.h"
#include "vault/err.h"
#include "vault/file.h"
#include "vault/log.h"
#include "vault/names.h"

#define TYPE "fuse.weir"
#define MOUNTINFO_MAX (16U << 20)
#define FD_PATH_SIZE 32

/* The next field of a line of mountinfo, cut off at its blank; NULL at the
 * end. */
static char *
next_field(char **at)
{
	char *field = *at, *blank;

	if (field == NULL || *field == '\0')
		return NULL;
	blank = strchr(field, ' ');
	*at = blank != NULL ? blank + 1 : NULL;
	if (blank != NULL)
		*blank = '\0';
	return field;
}

static bool
is_octal(const char *s)
{
	return s[0] >= '0' && s[0] <= '3' && s[1] >= '0' && s[1] <= '7' &&
	    s[2] >= '0' && s[2] <= '7';
}

/* Blanks and the like stand as \ooo. */
static char *
unescape(const char *s)
{
	char *out = malloc(strlen(s) + 1), *to = out;

	if (out == NULL)
		return NULL;
	while (*s != '\0') {
		if (*s == '\\' && is_octal(s + 1)) {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 |
			    (s[3] - '0'));
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
	return out;
}

/* user_id=N among a file system's options. */
static uid_t
uid_of(const char *options)
{
	static const char name[] = "user_id=";
	const char *at = strstr(options, name);

	if (at == NULL)
		return 0;
	return (uid_t)strtoul(at + strlen(name), NULL, 10);
}

/* A line's parts that matter. */
struct line {
	const char *number;
	const char *parent;
	const char *device;
	const char *path;
	const char *type;
	const char *source;
	const char *options;
};

static bool
split_line(struct line *l, char *text)
{
	const char *field;

	l->number = next_field(&text);
	l->parent = next_field(&text);
	l->device = next_field(&text);
	next_field(&text); /* root */
	l->path = next_field(&text);
	do
		field = next_field(&text);
	while (field != NULL && strcmp(field, "-") != 0);
	l->type = next_field(&text);
	l->source = next_field(&text);
	l->options = next_field(&text);
	return l->options != NULL;
}

static bool
parse_device(const char *text, unsigned int *major, unsigned int *minor)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end != ':' || n > UINT_MAX)
		return false;
	*major = (unsigned int)n;
	n = strtoul(end + 1, &end, 10);
	*minor = (unsigned int)n;
	return *end == '\0' && n <= UINT_MAX;
}

static int
add_mount(struct mountpoint_list *l, const struct line *line)
{
	struct mountpoint m = { .uid = uid_of(line->options) }, *items;

	if (!parse_device(line->device, &m.major, &m.minor))
		return 0;
	m.number = (unsigned int)strtoul(line->number, NULL, 10);
	items = reallocarray(l->items, l->count + 1, sizeof(*items));
	if (items == NULL)
		return ERR_NOMEM;
	l->items = items;
	m.path = unescape(line->path);
	m.source = unescape(line->source);
	items[l->count++] = m;
	return m.path != NULL && m.source != NULL ? 0 : ERR_NOMEM;
}

/* Whatever is mounted on the root of a mount of ours covers it. */
static int
see_cover(struct mountpoint_list *l, const struct line *line)
{
	unsigned long parent = strtoul(line->parent, NULL, 10);

	for (size_t i = 0; i < l->count; i++) {
		struct mountpoint *m = &l->items[i];

		if (m->number != parent)
			continue;
		OWNED_MEM(char) path = unescape(line->path);

		if (path == NULL)
			return ERR_NOMEM;
		m->covered = m->covered || strcmp(path, m->path) == 0;
	}
	return 0;
}

static int
add_if_ours(struct mountpoint_list *l, const struct line *line)
{
	return strcmp(line->type, TYPE) == 0 ? add_mount(l, line) : 0;
}

static int
each_line(struct mountpoint_list *l, const char *text,
    int (*each)(struct mountpoint_list *l, const struct line *line))
{
	OWNED_MEM(char) copy = strdup(text);
	char *rest = copy, *line;
	int err = copy != NULL ? 0 : ERR_NOMEM;

	while (err == 0 && (line = strsep(&rest, "\n")) != NULL) {
		struct line parts;

		if (split_line(&parts, line))
			err = each(l, &parts);
	}
	return err;
}

int
mountpoint_parse(struct mountpoint_list *out, const char *text)
{
	OWNED_MOUNTPOINTS l = { 0 };
	int err = each_line(&l, text, add_if_ours);

	/* What covers may be listed before what is covered. */
	if (err == 0)
		err = each_line(&l, text, see_cover);
	if (err != 0)
		return err;
	*out = l;
	l = (struct mountpoint_list){ 0 };
	return 0;
}

void
mountpoint_list_clear(struct mountpoint_list *l)
{
	for (size_t i = 0; i < l->count; i++) {
		free(l->items[i].path);
		free(l->items[i].source);
	}
	free(l->items);
	*l = (struct mountpoint_list){ 0 };
}

int
mountpoint_list(struct mountpoint_list *out)
{
	OWNED_MEM(uint8_t) text = NULL;
	size_t length;
	int err;

	err = file_load(NULL, "/proc/self/mountinfo", MOUNTINFO_MAX, &text,
	    &length);
	if (err != 0)
		return err;
	return mountpoint_parse(out, (const char *)text);
}

const struct mountpoint *
mountpoint_at(const struct mountpoint_list *l, const char *path)
{
	const struct mountpoint *last = NULL;

	for (size_t i = l->count; i > 0; i--) {
		const struct mountpoint *m = &l->items[i - 1];

		if (strcmp(m->path, path) != 0)
			continue;
		/* One that came beneath is listed behind what covers it. */
		if (!m->covered)
			return m;
		last = last != NULL ? last : m;
	}
	return last;
}

const struct mountpoint *
mountpoint_of(const struct mountpoint_list *l, unsigned int major,
    unsigned int minor)
{
	for (size_t i = l->count; i > 0; i--)
		if (l->items[i - 1].major == major &&
		    l->items[i - 1].minor == minor)
			return &l->items[i - 1];
	return NULL;
}

static const char *
fd_path(char buf[static FD_PATH_SIZE], int fd)
{
	snprintf(buf, FD_PATH_SIZE, "/proc/self/fd/%d", fd);
	return buf;
}

/* Find a directory without asking the file system that it is on. */
static int
find_place(struct mountpoint_place *out, const char *path)
{
	OWNED_FD fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char link[FD_PATH_SIZE], real[PATH_MAX];
	ssize_t n;

	if (fd < 0)
		return log_sys("'%s'", path);
	n = readlink(fd_path(link, fd), real, sizeof(real));
	if (n < 0)
		return log_sys("'%s'", path);
	if ((size_t)n == sizeof(real) || real[0] != '/')
		return log_err(ERR_LIMIT, "'%s': no usable path", path);
	out->path = strndup(real, (size_t)n);
	if (out->path == NULL)
		return ERR_NOMEM;
	out->dir = fd;
	fd = -1;
	return 0;
}

void
mountpoint_place_clear(struct mountpoint_place *p)
{
	if (p->path != NULL && p->dir >= 0)
		close(p->dir);
	free(p->path);
	*p = (struct mountpoint_place){ .dir = -1 };
}

int
mountpoint_find(struct mountpoint_place *out, const char *path)
{
	OWNED_MOUNTPOINTS l = { 0 };
	struct mountpoint_place p;
	int err;

	err = find_place(&p, path);
	if (err != 0)
		return err;
	err = mountpoint_list(&l);
	if (err == 0 && mountpoint_at(&l, p.path) != NULL)
		err = log_err(ERR_CONFLICT,
		    "'%s' is mounted already: weir umount '%s'", p.path,
		    p.path);
	if (err != 0) {
		mountpoint_place_clear(&p);
		return err;
	}
	*out = p;
	return 0;
}

int
mountpoint_name(char **out, const char *path)
{
	OWNED_MOUNTPOINTS l = { 0 };
	struct mountpoint_place p;
	int err = find_place(&p, path);

	if (err != 0)
		return err;
	err = mountpoint_list(&l);
	if (err == 0 && mountpoint_at(&l, p.path) == NULL)
		err = log_err(ERR_NOT_FOUND, "'%s' is not a mount of weir",
		    p.path);
	if (err == 0) {
		*out = p.path;
		close(p.dir);
		return 0;
	}
	mountpoint_place_clear(&p);
	return err;
}

int
mountpoint_spares(const struct mountpoint_place *p, const char *vault)
{
	OWNED_MEM(char) real = realpath(vault, NULL);

	if (real == NULL && errno == ENOENT)
		return vaultdir_absent(vault);
	if (real == NULL)
		return log_sys("'%s'", vault);
	if (names_within(real, p->path) || names_within(p->path, real))
		return log_err(ERR_CONFLICT,
		    "a mount on '%s' would hide the vault '%s', or part of it: "
		    "mount somewhere else",
		    p->path, real);
	return 0;
}

/* libfuse would let in user 0 and nobody else. */
static int
mount_as_root(const struct mountpoint_place *p,
    const struct mountpoint_how *how, int *out)
{
	OWNED_FD fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char options[160], target[FD_PATH_SIZE];

	if (fd < 0)
		return log_sys("open /dev/fuse ('weir doctor' says what "
			       "mends it)");
	snprintf(options, sizeof(options),
	    "fd=%d,rootmode=40000,user_id=%u,group_id=%u,default_permissions",
	    fd, how->uid, how->gid);
	if (mount(how->source, fd_path(target, p->dir), TYPE,
		MS_RDONLY | MS_NOSUID | MS_NODEV, options) != 0)
		return log_sys("mount on '%s'", p->path);
	*out = fd;
	fd = -1;
	return 0;
}

static int
leave(const char *path, bool force)
{
	const int flags = UMOUNT_NOFOLLOW | (force ? MNT_DETACH : 0);

	if (geteuid() != 0)
		return fusermount_umount(path, force);
	if (umount2(path, flags) == 0)
		return 0;
	return errno == EBUSY ? ERR_CONFLICT : log_sys("unmount '%s'", path);
}

/* The device of what is served by fd, where the kernel tells it (6.18 does):
 * its connection has the same number. */
static bool
device_of(int fd, unsigned int *minor)
{
	static const char name[] = "\nfuse_connection:";
	char path[40], text[512];
	const char *at;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);

	OWNED_FD info = open(path, O_RDONLY | O_CLOEXEC);

	n = info >= 0 ? read(info, text, sizeof(text) - 1) : -1;
	if (n <= 0)
		return false;
	text[n] = '\0';
	at = strstr(text, name);
	if (at == NULL)
		return false;
	*minor = (unsigned int)strtoul(at + strlen(name), NULL, 10);
	return true;
}

/* Which mount was made just now. */
static int
identify(const struct mountpoint_place *p, struct mountpoint_made *made)
{
	OWNED_MOUNTPOINTS l = { 0 };
	const struct mountpoint *m;
	int err;

	if (device_of(made->fd, &made->minor))
		return 0;
	err = mountpoint_list(&l);
	if (err != 0) {
		(void)leave(p->path, true);
		return err;
	}
	m = mountpoint_at(&l, p->path);
	if (m == NULL)
		return log_err(ERR_CONFLICT,
		    "'%s' was unmounted as soon as it was mounted", p->path);
	made->major = m->major;
	made->minor = m->minor;
	return 0;
}

int
mountpoint_mount(const struct mountpoint_place *p,
    const struct mountpoint_how *how, struct mountpoint_made *out)
{
	struct mountpoint_made made = { .fd = -1 };
	int err;

	if (geteuid() == 0)
		err = mount_as_root(p, how, &made.fd);
	else
		err = fusermount_mount(p->path, how->source, how->readahead_kb,
		    &made.fd);
	if (err == 0)
		err = identify(p, &made);
	if (err != 0) {
		mountpoint_made_clear(&made);
		return err;
	}
	*out = made;
	return 0;
}

void
mountpoint_made_clear(struct mountpoint_made *m)
{
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
}

/* Whether the file system is there, mounted or only held by open files. */
static bool
exists(const struct mountpoint_made *made)
{
	struct pollfd p = { .fd = made->fd };

	return made->fd >= 0 &&
	    (poll(&p, 1, 0) <= 0 || (p.revents & POLLERR) == 0);
}

/* The root of what stands at a path, without asking who serves it; -1. */
static int
root_at(const char *path)
{
	return open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Whether a descriptor is of this mount; while it is held, that stays so. */
static bool
is_made(const struct mountpoint_made *made, int fd)
{
	struct statx st;

	/* Who asks for nothing is told the device, and by nobody but the
	 * kernel. */
	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &st) == 0 &&
	    st.stx_dev_major == made->major &&
	    st.stx_dev_minor == made->minor && exists(made);
}

/* By a descriptor of its root: no other one, whatever comes to its path. */
static int
detach(int fd, const char *path)
{
	char link[FD_PATH_SIZE];

	if (umount2(fd_path(link, fd), MNT_DETACH) == 0)
		return 0;
	/* Somebody else did. */
	return errno == EINVAL ? ERR_NOT_FOUND : log_sys("unmount '%s'", path);
}

int
mountpoint_root(const struct mountpoint_made *made, int *out, char **path)
{
	OWNED_MOUNTPOINTS l = { 0 };
	const struct mountpoint *m;
	int err = mountpoint_list(&l);

	if (err != 0)
		return err;
	m = mountpoint_of(&l, made->major, made->minor);
	/* Its number may be another one's by now. */
	if (m == NULL || !exists(made))
		return ERR_NOT_FOUND;
	if (m->covered)
		return ERR_CONFLICT;

	OWNED_FD fd = root_at(m->path);

	if (fd < 0)
		return log_sys("'%s'", m->path);
	if (!is_made(made, fd))
		return exists(made) ? ERR_CONFLICT : ERR_NOT_FOUND;
	*path = strdup(m->path);
	if (*path == NULL)
		return ERR_NOMEM;
	*out = fd;
	fd = -1;
	return 0;
}

int
mountpoint_leave(const struct mountpoint_made *made, bool force)
{
	OWNED_MEM(char) path = NULL;
	int fd, err = mountpoint_root(made, &fd, &path);

	if (err != 0)
		return err;
	if (force && geteuid() == 0)
		err = detach(fd, path);
	close(fd);
	/* What is held open is busy: all others go by their path. */
	return force && geteuid() == 0 ? err : leave(path, force);
}

int
mountpoint_umount(const char *path, bool force)
{
	OWNED_MOUNTPOINTS l = { 0 };
	const struct mountpoint *m = NULL;
	struct mountpoint_place p;
	char who[BUSY_TEXT_SIZE];
	int err;

	err = find_place(&p, path);
	if (err != 0)
		return err;
	/* A place that is held open would be busy. */
	close(p.dir);
	p.dir = -1;
	err = mountpoint_list(&l);
	if (err == 0)
		m = mountpoint_at(&l, p.path);
	if (err == 0 && m == NULL)
		err = log_err(ERR_NOT_FOUND, "'%s' is not a mount of weir",
		    p.path);
	if (m != NULL && m->covered)
		err = log_err(ERR_CONFLICT,
		    "'%s' is covered by another mount: umount '%s' first",
		    p.path, p.path);
	if (err == 0) {
		err = leave(p.path, force);
		if (err == ERR_CONFLICT)
			log_error("'%s' is in use%s: close that, or weir "
				  "umount --force '%s'",
			    p.path, busy_by(p.path, who), p.path);
	}
	mountpoint_place_clear(&p);
	return err;
}
