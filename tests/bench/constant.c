/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ceiling of any file system by FUSE here: one file, `model.bin`, of so
 * many MiB, all of one byte, with nothing to decrypt, check or record.
 *	constant MOUNTPOINT MEBIBYTES
 * It stays in the foreground until it is unmounted.
 */
#include <err.h>
#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NAME "model.bin"
#define NODE (FUSE_ROOT_ID + 1)
#define REQUEST_MAX (1U << 20)
#define FOREVER 86400.0
#define THREADS 4

struct served {
	uint64_t size;
	char *bytes; /* REQUEST_MAX of them */
};

static struct stat
attributes(const struct served *s, fuse_ino_t node)
{
	struct stat st = { .st_ino = node, .st_nlink = 1 };

	st.st_mode = node == NODE ? S_IFREG | 0444 : S_IFDIR | 0555;
	if (node == NODE)
		st.st_size = (off_t)s->size;
	return st;
}

static void
on_init(void *arg, struct fuse_conn_info *conn)
{
	(void)arg;
	conn->max_read = REQUEST_MAX;
	conn->max_write = REQUEST_MAX;
	conn->max_background = 64;
	conn->want &= ~(unsigned int)FUSE_CAP_SPLICE_WRITE;
}

static void
on_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = {
		.ino = NODE,
		.attr_timeout = FOREVER,
		.entry_timeout = FOREVER,
	};

	if (parent != FUSE_ROOT_ID || strcmp(name, NAME) != 0) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	e.attr = attributes(fuse_req_userdata(req), NODE);
	fuse_reply_entry(req, &e);
}

static void
on_getattr(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct stat st = attributes(fuse_req_userdata(req), node);

	(void)fi;
	fuse_reply_attr(req, &st, FOREVER);
}

static void
on_open(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	(void)node;
	fi->keep_cache = 1;
	fuse_reply_open(req, fi);
}

static void
on_read(fuse_req_t req, fuse_ino_t node, size_t n, off_t offset,
    struct fuse_file_info *fi)
{
	const struct served *s = fuse_req_userdata(req);
	uint64_t at = (uint64_t)offset;
	uint64_t left = at < s->size ? s->size - at : 0;

	(void)node;
	(void)fi;
	fuse_reply_buf(req, s->bytes, n < left ? n : (size_t)left);
}

int
main(int argc, char **argv)
{
	const struct fuse_lowlevel_ops ops = {
		.init = on_init,
		.lookup = on_lookup,
		.getattr = on_getattr,
		.open = on_open,
		.read = on_read,
	};
	char option[32] = "-omax_read=1048576";
	char *args[] = { argv[0], option, NULL };
	struct fuse_args fa = FUSE_ARGS_INIT(2, args);
	struct fuse_loop_config *loop = fuse_loop_cfg_create();
	struct served s = { .bytes = malloc(REQUEST_MAX) };
	struct fuse_session *se;

	if (argc != 3 || loop == NULL || s.bytes == NULL)
		errx(2, "usage: constant MOUNTPOINT MEBIBYTES");
	s.size = strtoull(argv[2], NULL, 10) << 20;
	memset(s.bytes, 'w', REQUEST_MAX);
	se = fuse_session_new(&fa, &ops, sizeof(ops), &s);
	if (se == NULL || fuse_set_signal_handlers(se) != 0 ||
	    fuse_session_mount(se, argv[1]) != 0)
		errx(1, "%s: no mount", argv[1]);
	fuse_loop_cfg_set_clone_fd(loop, 1);
	fuse_loop_cfg_set_max_threads(loop, THREADS);
	(void)fuse_session_loop_mt(se, loop);
	fuse_session_unmount(se);
	fuse_session_destroy(se);
	fuse_loop_cfg_destroy(loop);
	free(s.bytes);
	return 0;
}
