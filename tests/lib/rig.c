/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/rig.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SERVERS 2
#define READERS 3
#define PATIENCE_MS 20000

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
want_keyd(void *arg)
{
	struct rig *r = arg;

	atomic_fetch_add(&r->wanted, 1);
	link_attach(r->link,
	    atomic_load(&r->away) ? -1 : fake_keyd_connect(r->keyd));
}

static void
session_ended(void *arg, const char *reason)
{
	struct rig *r = arg;
	const struct timespec slow = {
		.tv_nsec = (long)atomic_load(&r->slow_ms) * 1000000
	};

	(void)reason;
	atomic_store(&r->ending, true);
	reads_end(r->reads);
	clock_nanosleep(CLOCK_MONOTONIC, 0, &slow, NULL);
	atomic_store(&r->ended, true);
}

static void
want_exe(void *arg, uint32_t pid)
{
	struct rig *r = arg;

	atomic_store(&r->exe_wanted, pid);
}

static void
closed(void *arg, struct handle *h)
{
	struct rig *r = arg;

	report_handle(r->report, h);
}

static void
make_parts(struct rig *r, const struct rig_how *how)
{
	struct link_how link = { .session = FAKE_SESSION,
		.want = want_keyd,
		.ended = session_ended,
		.arg = r };
	struct report_how report = { .session = FAKE_SESSION,
		.versions = 1,
		.want_exe = want_exe,
		.arg = r };
	struct reads_how reads = { .session = FAKE_SESSION,
		.count = 1,
		.versions = r->versions,
		.stall_ms = how->stall_ms,
		.threads = READERS };

	memcpy(link.token, fake_keyd_token, sizeof(link.token));
	must(keyslots_new(&r->keys, how->slots) == 0);
	must(link_new(&r->link, &link) == 0);
	report.link = r->link;
	must(report_new(&r->report, &report) == 0);
	must(handle_set_new(&r->handles, closed, r) == 0);
	reads.keys = r->keys;
	reads.link = r->link;
	reads.report = r->report;
	must(reads_new(&r->reads, &reads) == 0);
}

static void
make_tree(struct rig *r)
{
	const struct tree_version v = { .model = "m",
		.channel = "latest",
		.digest = r->served->manifest->version,
		.manifest = r->served->manifest,
		.created_ms = 1700000000000 };

	must(tree_new(&r->tree, &v, 1) == 0);
	r->ops.tree = r->tree;
	r->ops.handles = r->handles;
	r->ops.reads = r->reads;
	r->ops.report = r->report;
	r->ops.manifests = r->manifests;
	r->ops.windows = r->windows;
	r->ops.marks = r->marks;
	r->ops.uid = 1000;
	r->ops.gid = 1001;
}

static uint64_t
look_up(struct rig *r, uint64_t parent, const char *name)
{
	struct fuse_entry_out e;

	must(wire_lookup(r->wire, parent, name, &e) == 0 && e.nodeid != 0);
	return e.nodeid;
}

static void
look_around(struct rig *r)
{
	char name[DIGEST_HEX_SIZE + 1] = "@";

	digest_hex(&r->served->manifest->version, name + 1);
	r->head = look_up(r, look_up(r, TREE_ROOT, "m"), name);
	r->big = look_up(r, r->head, "big");
	r->small = look_up(r, look_up(r, r->head, "dir"), "small");
}

struct rig *
rig_new(const struct rig_how *how)
{
	struct rig *r = calloc(1, sizeof(*r));

	must(r != NULL);
	r->served = served_new(how->bytes, how->chunk);
	r->keyd = fake_keyd_new(r->served);
	r->windows[0] = how->window;
	r->versions[0] = r->served->version;
	r->manifests[0] = r->served->manifest;
	make_parts(r, how);
	make_tree(r);
	must(ops_session(&r->se, &r->ops) == 0);
	must(link_start(r->link) == 0);
	must(reads_start(r->reads) == 0);
	r->wire = wire_new(r->se, SERVERS, ops_serve);
	r->init = wire_init(r->wire);
	look_around(r);
	return r;
}

/* In the order of the worker. */
void
rig_free(struct rig *r)
{
	wire_free(r->wire);
	reads_stop(r->reads);
	link_stop(r->link);
	handle_set_free(r->handles);
	link_free(r->link);
	fuse_session_destroy(r->se);
	reads_free(r->reads);
	report_free(r->report);
	keyslots_free(r->keys);
	tree_free(r->tree);
	fake_keyd_free(r->keyd);
	served_free(r->served);
	free(r);
}

uint64_t
rig_open(struct rig *r, uint64_t ino)
{
	struct fuse_open_out o;

	must(wire_open(r->wire, ino, O_RDONLY, &o) == 0);
	return o.fh;
}

int
rig_check(struct rig *r, uint64_t number, uint64_t ino, uint64_t offset,
    uint32_t size)
{
	enum served_row row = ino == r->big ? SERVED_BIG : SERVED_SMALL;
	uint64_t end = r->served->manifest->files[row].size;
	uint64_t left = offset < end ? end - offset : 0;
	struct wire_answer a;

	must(wire_wait(r->wire, number, PATIENCE_MS, &a));
	if (a.error != 0)
		return a.error;
	must(a.length == (left < size ? left : size));
	must(memcmp(a.body, r->served->content[row] + offset, a.length) == 0);
	return 0;
}

int
rig_read(struct rig *r, uint64_t ino, uint64_t fh, uint64_t offset,
    uint32_t size)
{
	return rig_check(r, wire_send_read(r->wire, ino, fh, offset, size), ino,
	    offset, size);
}
