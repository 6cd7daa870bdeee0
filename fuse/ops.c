/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/ops.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "fuse/refused.h"
#include "keys/budget.h"
#include "vault/cut.h"
#include "vault/err.h"
#include "vault/log.h"

#define FOREVER 31536000.0 /* a year, in seconds: nothing changes */
#define BLOCK_SIZE (1U << 20)
#define STAT_BLOCK 512
#define FS_BLOCK 4096
#define BACKGROUND 64
#define CONGESTED 48
#define PAUSE_MS 20 /* when there is no memory */
#define NAME_MAX_BYTES MANIFEST_NAME_MAX
#define BROWSE_PART (1000000 / BUDGET_HARD_PPM) /* of the weights, in 30 days */

static struct ops *
ops_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static void
op_init(void *arg, struct fuse_conn_info *conn)
{
	struct ops *o = arg;

	/* Requests are as large as max_write is. */
	conn->max_write = READS_MAX;
	conn->max_background = BACKGROUND;
	conn->congestion_threshold = CONGESTED;
	conn->want |= conn->capable &
	    (FUSE_CAP_ASYNC_READ | FUSE_CAP_ASYNC_DIO |
		FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_CACHE_SYMLINKS);
	/* Bytes come out of memory, not of a pipe; and they never change. */
	conn->want &= ~(unsigned int)(FUSE_CAP_SPLICE_READ |
	    FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE |
	    FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_HANDLE_KILLPRIV);
	atomic_store(&o->ready, true);
}

static mode_t
type_of(enum manifest_kind kind)
{
	switch (kind) {
	case MANIFEST_FILE:
		return S_IFREG;
	case MANIFEST_LINK:
		return S_IFLNK;
	case MANIFEST_DIR:
		return S_IFDIR;
	}
	return 0;
}

static void
fill_attr(const struct ops *o, const struct tree_item *item, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = item->ino;
	st->st_mode = type_of(item->kind) | item->mode;
	st->st_nlink = item->links;
	st->st_uid = o->uid;
	st->st_gid = o->gid;
	/* Libraries read as much at once: a browser pays for that. */
	st->st_blksize = item->file != NULL && o->windows[item->version] == 1 ?
	    FS_BLOCK :
	    BLOCK_SIZE;
	if (item->file != NULL)
		st->st_size = (off_t)item->file->size;
	else if (item->target != NULL)
		st->st_size = (off_t)strlen(item->target);
	st->st_blocks = (blkcnt_t)((st->st_size + STAT_BLOCK - 1) / STAT_BLOCK);
	st->st_mtim.tv_sec = item->created_ms / 1000;
	st->st_mtim.tv_nsec = item->created_ms % 1000 * 1000000;
	st->st_atim = st->st_ctim = st->st_mtim;
}

static struct fuse_entry_param
entry_of(const struct ops *o, const struct tree_item *item)
{
	struct fuse_entry_param e = { .ino = item->ino,
		.attr_timeout = FOREVER,
		.entry_timeout = FOREVER };

	fill_attr(o, item, &e.attr);
	return e;
}

static void
op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	const struct ops *o = ops_of(req);
	struct fuse_entry_param e = { .entry_timeout = FOREVER };
	struct tree_item item;

	/* Without an inode it says that there is none, and never will be. */
	if (tree_lookup(o->tree, parent, name, &item))
		e = entry_of(o, &item);
	fuse_reply_entry(req, &e);
}

/* Inodes live as long as the session: nothing to count. */
static void
op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t lookups)
{
	(void)ino, (void)lookups;
	fuse_reply_none(req);
}

static void
op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	(void)count, (void)forgets;
	fuse_reply_none(req);
}

static void
op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	const struct ops *o = ops_of(req);
	struct tree_item item;
	struct stat st;

	(void)fi;
	if (!tree_item(o->tree, ino, &item)) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	fill_attr(o, &item, &st);
	fuse_reply_attr(req, &st, FOREVER);
}

static void
op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct tree_item item;

	if (!tree_item(ops_of(req)->tree, ino, &item))
		fuse_reply_err(req, ENOENT);
	else if (item.target == NULL)
		fuse_reply_err(req, EINVAL);
	else
		fuse_reply_readlink(req, item.target);
}

static int
open_file(struct ops *o, const struct tree_item *item,
    const struct fuse_ctx *ctx, struct handle **out)
{
	const struct handle_file file = {
		.ino = item->ino,
		.version = item->version,
		.window = o->windows[item->version],
		.manifest = o->manifests[item->version],
		.file = item->file,
	};

	return handle_open(out, o->handles, &file, ctx->uid,
	    (uint32_t)ctx->pid);
}

/*
 * Whether the page that the file's header ends in cannot be had: a browse
 * budget (2 %) does not hold the chunk that begins in it.  Such a file is read
 * past the page cache, byte for byte, so that its header can be.
 */
static bool
is_exact(const struct handle_file *h)
{
	const struct manifest_file *f = h->file;

	return h->window == 1 && f->class == MANIFEST_WEIGHTS &&
	    f->header_bytes > 0 && f->header_bytes < f->size &&
	    cut_limit(f->size) > h->manifest->weight_bytes / BROWSE_PART;
}

static void
op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct ops *o = ops_of(req);
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct tree_item item;
	struct handle *h;

	if ((fi->flags & O_ACCMODE) != O_RDONLY || (fi->flags & O_TRUNC) != 0) {
		fuse_reply_err(req, EROFS);
		return;
	}
	if (!tree_item(o->tree, ino, &item) || item.file == NULL) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	/* Pages that the kernel still keeps are not for a new reader. */
	if (reads_ended(o->reads)) {
		fuse_reply_err(req, EIO);
		return;
	}
	fi->keep_cache = 1;
	fi->noflush = 1;
	if (item.extra) {
		fi->fh = 0; /* no handle: nothing is to be told of it */
		fuse_reply_open(req, fi);
		return;
	}
	if (open_file(o, &item, ctx, &h) != 0) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	/* It may have ended meanwhile, and its pages be forgotten already. */
	if (reads_ended(o->reads)) {
		handle_free(h);
		fuse_reply_err(req, EIO);
		return;
	}
	report_opened(o->report, (uint32_t)ctx->pid);
	if (is_exact(handle_file(h))) {
		fi->direct_io = 1;
		fi->keep_cache = 0;
	}
	fi->fh = (uint64_t)(uintptr_t)h;
	if (fuse_reply_open(req, fi) == -ENOENT)
		handle_free(h); /* interrupted: there will be no RELEASE */
}

static struct handle *
handle_of(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh; // NOLINT
}

/* Out of memory, at once. */
static void
read_extra(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset)
{
	const struct ops *o = ops_of(req);
	const struct signature *s;
	struct tree_item item;
	uint64_t at = (uint64_t)offset;

	if (!tree_item(o->tree, ino, &item) || !item.extra || offset < 0) {
		fuse_reply_err(req, EINVAL);
		return;
	}
	s = &o->signatures[item.version];
	if (at > s->file.size)
		at = s->file.size;
	if (size > s->file.size - at)
		size = (size_t)(s->file.size - at);
	fuse_reply_buf(req, s->bytes + at, size);
}

/* Another user has the descriptor than who opened it; to tell of it raises an
 * alert. */
static void
refuse_other(fuse_req_t req, const struct reads_request *q)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	const struct extent asked = { .offset = q->offset,
		.uid = ctx->uid,
		.pid = (uint32_t)ctx->pid };

	report_refused(ops_of(req)->report, q->handle, &asked);
	fuse_reply_err(req, EACCES);
}

static void
op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
    struct fuse_file_info *fi)
{
	struct ops *o = ops_of(req);
	struct reads_request q = { .req = req,
		.handle = handle_of(fi),
		.offset = (uint64_t)offset,
		.size = size,
		.asked = (fi->flags & O_DIRECT) != 0 };
	uint64_t end;

	if (q.handle == NULL) {
		read_extra(req, ino, size, offset);
		return;
	}
	end = handle_file(q.handle)->file->size;
	if (offset < 0 || size > READS_MAX) {
		fuse_reply_err(req, EINVAL);
		return;
	}
	if (size == 0 || q.offset >= end) {
		fuse_reply_buf(req, NULL, 0);
		return;
	}
	/* Past the page cache a short answer is none too many: what is behind
	 * the header is asked for by itself. */
	if (is_exact(handle_file(q.handle))) {
		q.asked = true;
		if (q.offset < handle_file(q.handle)->file->header_bytes)
			end = handle_file(q.handle)->file->header_bytes;
	}
	if (q.size > end - q.offset)
		q.size = (size_t)(end - q.offset);
	if (handle_is_of(q.handle, fuse_req_ctx(req)->uid))
		reads_submit(o->reads, &q);
	else
		refuse_other(req, &q);
}

static void
op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	handle_free(handle_of(fi)); /* NULL: an extra file's */
	fuse_reply_err(req, 0);
}

static void
op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct tree_item item;

	if (!tree_item(ops_of(req)->tree, ino, &item))
		fuse_reply_err(req, ENOENT);
	else if (item.kind != MANIFEST_DIR)
		fuse_reply_err(req, ENOTDIR);
	else {
		fi->keep_cache = 1;
		fi->cache_readdir = 1;
		fuse_reply_open(req, fi);
	}
}

/* A listing in the making: at most size bytes. */
struct listing {
	fuse_req_t req;
	char *buf;
	size_t size;
	size_t used;
	bool plus; /* with attributes */
};

/* Add an item; the listing goes on at next.  False: it is full. */
static bool
list_item(struct listing *l, const struct tree_item *item, const char *name,
    off_t next)
{
	const struct ops *o = ops_of(l->req);
	size_t left = l->size - l->used, need;

	if (l->plus) {
		struct fuse_entry_param e = entry_of(o, item);

		/* These two are no lookups. */
		if (name[0] == '.' &&
		    (name[1] == '\0' || (name[1] == '.' && name[2] == '\0')))
			e.ino = 0;
		need = fuse_add_direntry_plus(l->req, l->buf + l->used, left,
		    name, &e, next);
	} else {
		struct stat st;

		fill_attr(o, item, &st);
		need = fuse_add_direntry(l->req, l->buf + l->used, left, name,
		    &st, next);
	}
	if (need > left)
		return false;
	l->used += need;
	return true;
}

/* The entries of a directory: itself, its parent, its children from 2 on. */
static void
list_directory(struct listing *l, const struct tree_item *dir, off_t offset)
{
	const struct tree *tree = ops_of(l->req)->tree;
	struct tree_item item;

	for (off_t at = offset;; at++) {
		const char *name;

		if (at < 0)
			return;
		if (at == 0) {
			item = *dir;
			name = ".";
		} else if (at == 1) {
			if (!tree_item(tree, dir->parent, &item))
				return;
			name = "..";
		} else {
			if (!tree_child(tree, dir->ino, (uint64_t)at - 2,
				&item))
				return;
			name = item.name;
		}
		if (!list_item(l, &item, name, at + 1))
			return;
	}
}

static void
reply_listing(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
    bool plus)
{
	OWNED_MEM(char) buf = malloc(size > 0 ? size : 1);
	struct listing l = { .req = req,
		.buf = buf,
		.size = size,
		.plus = plus };
	struct tree_item dir;

	if (buf == NULL) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	if (!tree_item(ops_of(req)->tree, ino, &dir)) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	list_directory(&l, &dir, offset);
	fuse_reply_buf(req, buf, l.used);
}

static void
op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
    struct fuse_file_info *fi)
{
	(void)fi;
	reply_listing(req, ino, size, offset, false);
}

static void
op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
    struct fuse_file_info *fi)
{
	(void)fi;
	reply_listing(req, ino, size, offset, true);
}

static void
op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino, (void)fi;
	fuse_reply_err(req, 0);
}

static void
op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	const struct tree *tree = ops_of(req)->tree;
	const struct statvfs st = {
		.f_bsize = BLOCK_SIZE,
		.f_frsize = FS_BLOCK,
		.f_blocks = (tree_bytes(tree) + FS_BLOCK - 1) / FS_BLOCK,
		.f_files = tree_count(tree),
		.f_namemax = NAME_MAX_BYTES,
	};

	(void)ino;
	fuse_reply_statfs(req, &st);
}

static struct xattrs_of
xattrs_of(const struct ops *o, const struct tree_item *item)
{
	return (struct xattrs_of){ .item = item,
		.version = &o->manifests[item->version]->version,
		.mark = &o->marks[item->version] };
}

static void
reply_xattr(fuse_req_t req, const char *bytes, size_t n, size_t size)
{
	if (size == 0)
		fuse_reply_xattr(req, n);
	else if (n > size)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, bytes, n);
}

/* ENODATA for what others ask for, security.* too: after ENOSYS the kernel
 * would ask for nothing any more. */
static void
op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	const struct ops *o = ops_of(req);
	char value[XATTRS_SIGNERS];
	struct tree_item item;
	struct xattrs_of x;

	if (!tree_item(o->tree, ino, &item)) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	x = xattrs_of(o, &item);
	if (xattrs_value(&x, name, value))
		reply_xattr(req, value, strlen(value), size);
	else
		fuse_reply_err(req, ENODATA);
}

static void
op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	const struct ops *o = ops_of(req);
	char names[XATTRS_NAMES];
	struct tree_item item;
	struct xattrs_of x;

	if (!tree_item(o->tree, ino, &item)) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	x = xattrs_of(o, &item);
	reply_xattr(req, names, xattrs_list(&x, names), size);
}

static const struct fuse_lowlevel_ops operations = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.readlink = op_readlink,
	.open = op_open,
	.read = op_read,
	.release = op_release,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.releasedir = op_releasedir,
	.statfs = op_statfs,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
};

int
ops_session(struct fuse_session **out, struct ops *o)
{
	char name[] = "weir-mount";
	char *argv[] = { name, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	struct fuse_lowlevel_ops all = operations;
	struct fuse_session *se;

	refused_fill(&all);
	atomic_init(&o->ready, false);
	se = fuse_session_new(&args, &all, sizeof(all), o);
	fuse_opt_free_args(&args);
	if (se == NULL)
		return log_err(ERR_NOMEM, "libfuse does not start");
	*out = se;
	return 0;
}

bool
ops_serve(struct fuse_session *se, struct fuse_buf *buf)
{
	int n = fuse_session_receive_buf(se, buf);

	/* What passes is no reason to serve with a thread less. */
	if (n == -EAGAIN || n == -ENOMEM)
		(void)poll(NULL, 0, PAUSE_MS);
	if (n == -EINTR || n == -EAGAIN || n == -ENOMEM)
		return !fuse_session_exited(se);
	if (n <= 0)
		return false;
	fuse_session_process_buf(se, buf);
	return !fuse_session_exited(se);
}

void
ops_forget_pages(const struct ops *o, struct fuse_session *se)
{
	struct tree_item item;

	for (uint64_t ino = TREE_ROOT; tree_item(o->tree, ino, &item); ino++)
		if (item.file != NULL)
			(void)fuse_lowlevel_notify_inval_inode(se, ino, 0, 0);
}
