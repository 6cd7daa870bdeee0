/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/ops.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/lib/rig.h"
#include "tests/lib/test.h"

#define MIB (1U << 20)

static const struct rig_how usual = { .bytes = 3 * MIB + 123,
	.chunk = 65536,
	.window = 64,
	.stall_ms = 60000,
	.slots = 1024 };

static int
begin(void **state)
{
	*state = rig_new(&usual);
	return 0;
}

static int
end(void **state)
{
	rig_free(*state);
	return 0;
}

static void
init_asks_for_large_requests_many_at_once_and_no_splice(void **state)
{
	struct rig *r = *state;
	struct fuse_init_out o = r->init;

	assert_int_equal(o.max_write, MIB);
	assert_true((o.flags & FUSE_MAX_PAGES) != 0);
	assert_int_equal(o.max_pages, 256);
	assert_int_equal(o.max_background, 64);
	assert_in_range(o.congestion_threshold, 1, 64);
	assert_int_equal(o.max_readahead, 131072);
	assert_true((o.flags & FUSE_ASYNC_READ) != 0);
	assert_int_equal(o.flags & FUSE_AUTO_INVAL_DATA, 0);
}

static struct fuse_attr
get_attr(struct rig *r, uint64_t ino)
{
	const struct fuse_getattr_in in = { 0 };
	const struct wire_request q = { .opcode = FUSE_GETATTR,
		.ino = ino,
		.fixed = &in,
		.length = sizeof(in) };
	struct wire_answer a = wire_call(r->wire, &q);
	struct fuse_attr_out out;

	assert_int_equal(a.error, 0);
	assert_int_equal(a.length, sizeof(out));
	memcpy(&out, a.body, sizeof(out));
	assert_true(out.attr_valid > 86400);
	return out.attr;
}

static void
attributes_are_those_of_what_was_put(void **state)
{
	struct rig *r = *state;
	struct fuse_attr a = get_attr(r, r->big);

	assert_int_equal(a.mode, S_IFREG | 0644);
	assert_int_equal(a.size, usual.bytes);
	assert_int_equal(a.uid, 1000);
	assert_int_equal(a.gid, 1001);
	assert_int_equal(a.nlink, 1);
	assert_int_equal(a.blksize, MIB);
	assert_int_equal(a.blocks, (usual.bytes + 511) / 512);
	assert_int_equal(a.mtime, 1700000000);
	a = get_attr(r, r->small);
	assert_int_equal(a.mode, S_IFREG | 0600);
	a = get_attr(r, r->head);
	assert_int_equal(a.mode, S_IFDIR | 0755);
	assert_int_equal(a.nlink, 3);
}

static void
names_may_be_remembered_for_good_absent_ones_too(void **state)
{
	struct rig *r = *state;
	struct fuse_entry_out e;

	assert_int_equal(wire_lookup(r->wire, r->head, "big", &e), 0);
	assert_int_equal(e.nodeid, r->big);
	assert_true(e.entry_valid > 86400);
	assert_int_equal(wire_lookup(r->wire, r->head, "bigger", &e), 0);
	assert_int_equal(e.nodeid, 0);
	assert_true(e.entry_valid > 86400);
	/* Below a file there is nothing. */
	assert_int_equal(wire_lookup(r->wire, r->big, "x", &e), 0);
	assert_int_equal(e.nodeid, 0);
}

static void
assert_link(struct rig *r, uint64_t ino, const char *target)
{
	const struct wire_request q = { .opcode = FUSE_READLINK, .ino = ino };
	struct wire_answer a = wire_call(r->wire, &q);

	assert_int_equal(a.error, 0);
	assert_int_equal(a.length, strlen(target));
	assert_memory_equal(a.body, target, a.length);
}

static void
links_are_read(void **state)
{
	struct rig *r = *state;
	const struct wire_request q = { .opcode = FUSE_READLINK,
		.ino = r->big };
	char head[DIGEST_HEX_SIZE + 1] = "@";
	struct fuse_entry_out e;

	assert_int_equal(wire_lookup(r->wire, r->head, "link", &e), 0);
	assert_link(r, e.nodeid, "dir/small");
	assert_int_equal(wire_lookup(r->wire, TREE_ROOT, "m", &e), 0);
	assert_int_equal(wire_lookup(r->wire, e.nodeid, "latest", &e), 0);
	digest_hex(&r->served->manifest->version, head + 1);
	assert_link(r, e.nodeid, head);
	assert_int_equal(wire_call(r->wire, &q).error, EINVAL);
}

/* List a directory, `size` bytes at a time; the names, with blanks between. */
static void
list(struct rig *r, uint64_t ino, bool plus, uint32_t size, char names[1024])
{
	struct fuse_read_in in = { .size = size };
	const struct wire_request q = { .opcode = plus ? FUSE_READDIRPLUS :
							 FUSE_READDIR,
		.ino = ino,
		.fixed = &in,
		.length = sizeof(in) };
	size_t head = plus ? sizeof(struct fuse_entry_out) : 0;

	names[0] = '\0';
	for (;;) {
		struct wire_answer a = wire_call(r->wire, &q);

		assert_int_equal(a.error, 0);
		assert_in_range(a.length, 0, size);
		if (a.length == 0)
			return;
		for (size_t at = 0; at < a.length;) {
			struct fuse_dirent d;
			size_t used = strlen(names);

			at += head;
			memcpy(&d, a.body + at, FUSE_NAME_OFFSET);
			snprintf(names + used, 1024 - used, "%.*s ",
			    (int)d.namelen,
			    (char *)a.body + at + FUSE_NAME_OFFSET);
			at += FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + d.namelen);
			in.offset = d.off;
		}
	}
}

static void
directories_list_each_name_once_whatever_the_buffer(void **state)
{
	struct rig *r = *state;
	char names[1024];

	for (uint32_t size = 200; size < 2000; size += 37) {
		list(r, r->head, false, size, names);
		assert_string_equal(names, ". .. big dir empty link ");
		list(r, r->head, true, size, names);
		assert_string_equal(names, ". .. big dir empty link ");
	}
	list(r, TREE_ROOT, false, 4096, names);
	assert_string_equal(names, ". .. m ");
}

static void
only_directories_are_opened_as_such(void **state)
{
	struct rig *r = *state;
	const struct fuse_open_in in = { 0 };
	struct wire_request q = { .opcode = FUSE_OPENDIR,
		.ino = r->big,
		.fixed = &in,
		.length = sizeof(in) };

	assert_int_equal(wire_call(r->wire, &q).error, ENOTDIR);
	q.ino = 4711;
	assert_int_equal(wire_call(r->wire, &q).error, ENOENT);
	q.ino = r->head;
	assert_int_equal(wire_call(r->wire, &q).error, 0);
}

static void
files_open_for_reading_and_keep_their_pages(void **state)
{
	static const uint32_t flags[] = { O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC,
		O_WRONLY | O_APPEND };
	struct rig *r = *state;
	struct fuse_open_out o;

	assert_int_equal(wire_open(r->wire, r->big, O_RDONLY, &o), 0);
	assert_true((o.open_flags & FOPEN_KEEP_CACHE) != 0);
	assert_int_equal(o.open_flags & FOPEN_DIRECT_IO, 0);
	wire_release(r->wire, r->big, o.fh);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		assert_int_equal(wire_open(r->wire, r->big, flags[i], &o),
		    EROFS);
	assert_int_equal(wire_open(r->wire, r->head, O_RDONLY, &o), ENOENT);
	assert_int_equal(wire_open(r->wire, 4711, O_RDONLY, &o), ENOENT);
}

static void
every_change_is_refused_as_on_a_read_only_file_system(void **state)
{
	struct rig *r = *state;
	static const char zeros[200];
	const struct fuse_setxattr_in xattr = { .size = 1 };
	const struct wire_request changes[] = {
		{ FUSE_SETATTR, r->big, zeros, sizeof(struct fuse_setattr_in),
		    NULL, NULL },
		{ FUSE_MKNOD, r->head, zeros, sizeof(struct fuse_mknod_in), "n",
		    NULL },
		{ FUSE_MKDIR, r->head, zeros, sizeof(struct fuse_mkdir_in), "n",
		    NULL },
		{ FUSE_UNLINK, r->head, NULL, 0, "big", NULL },
		{ FUSE_RMDIR, r->head, NULL, 0, "dir", NULL },
		{ FUSE_SYMLINK, r->head, NULL, 0, "n", "target" },
		{ FUSE_RENAME, r->head, zeros, sizeof(struct fuse_rename_in),
		    "big", "n" },
		{ FUSE_RENAME2, r->head, zeros, sizeof(struct fuse_rename2_in),
		    "big", "n" },
		{ FUSE_LINK, r->head, zeros, sizeof(struct fuse_link_in), "n",
		    NULL },
		{ FUSE_WRITE, r->big, zeros, sizeof(struct fuse_write_in), "x",
		    NULL },
		{ FUSE_CREATE, r->head, zeros, sizeof(struct fuse_create_in),
		    "n", NULL },
		{ FUSE_SETXATTR, r->big, &xattr, FUSE_COMPAT_SETXATTR_IN_SIZE,
		    "user.x", "v" },
		{ FUSE_REMOVEXATTR, r->big, NULL, 0, "user.x", NULL },
		{ FUSE_FALLOCATE, r->big, zeros,
		    sizeof(struct fuse_fallocate_in), NULL, NULL },
	};

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		assert_int_equal(wire_call(r->wire, &changes[i]).error, EROFS);
}

/* Ask for an attribute with room for `size` bytes: 0 and its value, or the
 * errno. */
static int
get_xattr(struct rig *r, uint64_t ino, const char *name, uint32_t size,
    char value[256])
{
	const struct fuse_getxattr_in in = { .size = size };
	const struct wire_request q = { FUSE_GETXATTR, ino, &in, sizeof(in),
		name, NULL };
	struct wire_answer a = wire_call(r->wire, &q);
	struct fuse_getxattr_out out;

	if (a.error != 0)
		return a.error;
	if (size == 0) {
		assert_int_equal(a.length, sizeof(out));
		memcpy(&out, a.body, sizeof(out));
		snprintf(value, 256, "%u", out.size);
	} else {
		assert_true(a.length < 256);
		memcpy(value, a.body, a.length);
		value[a.length] = '\0';
	}
	return 0;
}

/* The names, with blanks between. */
static void
list_xattrs(struct rig *r, uint64_t ino, char names[256])
{
	const struct fuse_getxattr_in in = { .size = 255 };
	const struct wire_request q = { FUSE_LISTXATTR, ino, &in, sizeof(in),
		NULL, NULL };
	struct wire_answer a = wire_call(r->wire, &q);

	assert_int_equal(a.error, 0);
	memcpy(names, a.body, a.length);
	names[a.length] = '\0';
	for (size_t i = 0; i + 1 < a.length; i++)
		if (names[i] == '\0')
			names[i] = ' ';
}

static void
files_say_what_they_are_and_who_vouches_for_them(void **state)
{
	struct rig *r = *state;
	const struct manifest *m = r->served->manifest;
	char value[256], hex[DIGEST_HEX_SIZE];

	list_xattrs(r, r->big, value);
	assert_string_equal(value, "user.weir.version user.weir.sha256");
	assert_int_equal(get_xattr(r, r->big, "user.weir.sha256", 255, value),
	    0);
	assert_string_equal(value,
	    digest_hex(&m->files[SERVED_BIG].digest, hex));
	assert_int_equal(get_xattr(r, r->big, "user.weir.version", 255, value),
	    0);
	assert_string_equal(value, digest_hex(&m->version, hex));
	/* Nobody does. */
	assert_int_equal(get_xattr(r, r->big, "user.weir.signed_by", 255,
			     value),
	    ENODATA);
	assert_int_equal(get_xattr(r, r->big, "user.weir.serial", 255, value),
	    ENODATA);

	r->marks[0].serial = UINT64_MAX;
	xattrs_signers(&r->marks[0], "carol, dave");
	list_xattrs(r, r->big, value);
	assert_string_equal(value,
	    "user.weir.version user.weir.sha256 user.weir.signed_by "
	    "user.weir.serial");
	assert_int_equal(get_xattr(r, r->big, "user.weir.signed_by", 255,
			     value),
	    0);
	assert_string_equal(value, "carol, dave");
	assert_int_equal(get_xattr(r, r->big, "user.weir.serial", 255, value),
	    0);
	assert_string_equal(value, "18446744073709551615");
}

static void
directories_have_a_version_and_what_is_above_has_nothing(void **state)
{
	struct rig *r = *state;
	char value[256], hex[DIGEST_HEX_SIZE];
	struct fuse_entry_out e;

	r->marks[0].serial = 3;
	xattrs_signers(&r->marks[0], "carol");
	assert_int_equal(wire_lookup(r->wire, r->head, "dir", &e), 0);
	list_xattrs(r, e.nodeid, value);
	assert_string_equal(value, "user.weir.version");
	assert_int_equal(get_xattr(r, r->head, "user.weir.version", 255, value),
	    0);
	assert_string_equal(value,
	    digest_hex(&r->served->manifest->version, hex));
	assert_int_equal(get_xattr(r, r->head, "user.weir.sha256", 255, value),
	    ENODATA);
	assert_int_equal(wire_lookup(r->wire, r->head, "link", &e), 0);
	list_xattrs(r, e.nodeid, value);
	assert_string_equal(value, "");
	list_xattrs(r, TREE_ROOT, value);
	assert_string_equal(value, "");
	assert_int_equal(get_xattr(r, TREE_ROOT, "user.weir.version", 255,
			     value),
	    ENODATA);
	assert_int_equal(get_xattr(r, 4711, "user.weir.version", 255, value),
	    ENOENT);
}

static void
attributes_tell_their_size_and_are_not_cut(void **state)
{
	struct rig *r = *state;
	char value[256];

	assert_int_equal(get_xattr(r, r->big, "user.weir.sha256", 0, value), 0);
	assert_string_equal(value, "64");
	assert_int_equal(get_xattr(r, r->big, "user.weir.sha256", 63, value),
	    ERANGE);
	assert_int_equal(get_xattr(r, r->big, "user.weir.sha256", 64, value),
	    0);
}

/* ENOSYS would save the kernel the question, and hide all others. */
static void
what_others_ask_for_is_not_there(void **state)
{
	static const char *const names[] = { "security.capability",
		"system.posix_acl_access", "user.weir", "user.weir.", "user.x",
		"user.weir.sha2567" };
	char value[256];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(get_xattr(*state, ((struct rig *)*state)->big,
				     names[i], 255, value),
		    ENODATA);
}

static void
a_long_list_of_signers_is_cut_and_says_so(void **state)
{
	struct xattrs_mark m;
	char names[300];

	(void)state;
	memset(names, 'n', sizeof(names) - 1);
	names[XATTRS_SIGNERS - 1] = '\0';
	xattrs_signers(&m, names);
	assert_string_equal(m.signed_by, names);
	names[XATTRS_SIGNERS - 1] = 'n';
	names[sizeof(names) - 1] = '\0';
	xattrs_signers(&m, names);
	assert_int_equal(strlen(m.signed_by), XATTRS_SIGNERS - 1);
	assert_string_equal(m.signed_by + XATTRS_SIGNERS - 4, "...");
	xattrs_signers(&m, NULL);
	assert_string_equal(m.signed_by, "");
}

static void
the_file_system_has_the_size_of_its_files_and_no_room(void **state)
{
	struct rig *r = *state;
	const struct wire_request q = { .opcode = FUSE_STATFS,
		.ino = TREE_ROOT };
	struct wire_answer a = wire_call(r->wire, &q);
	struct fuse_statfs_out o;

	assert_int_equal(a.error, 0);
	assert_int_equal(a.length, sizeof(o));
	memcpy(&o, a.body, sizeof(o));
	assert_int_equal(o.st.blocks * o.st.frsize,
	    (usual.bytes + 100 + 4095) / 4096 * 4096);
	assert_int_equal(o.st.bfree, 0);
	assert_int_equal(o.st.bavail, 0);
	assert_int_equal(o.st.namelen, 255);
}

static void
reads_give_what_was_put_wherever_they_begin(void **state)
{
	static const struct {
		uint64_t offset;
		uint32_t size;
	} reads[] = { { 0, 1 }, { 0, 4096 }, { 65535, 2 }, { 65536, 65536 },
		{ 1, 1048575 }, { 100001, 1048576 }, { 1048352, 224 },
		{ 3 * MIB, 4096 }, { 3 * MIB + 122, 4096 },
		{ 3 * MIB + 123, 4096 }, { 3 * MIB + 124, 1 },
		{ UINT64_C(1) << 62, 1 }, { 0, 1048576 } };
	struct rig *r = *state;
	uint64_t fh = rig_open(r, r->big), small = rig_open(r, r->small);

	for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++)
		assert_int_equal(rig_read(r, r->big, fh, reads[i].offset,
				     reads[i].size),
		    0);
	assert_int_equal(rig_read(r, r->small, small, 0, 4096), 0);
	assert_int_equal(rig_read(r, r->small, small, 99, 4096), 0);
	wire_release(r->wire, r->big, fh);
	wire_release(r->wire, r->small, small);
}

static void
an_empty_file_reads_as_nothing(void **state)
{
	struct rig *r = *state;
	struct fuse_entry_out e;
	struct wire_answer a;
	uint64_t fh;

	assert_int_equal(wire_lookup(r->wire, r->head, "empty", &e), 0);
	fh = rig_open(r, e.nodeid);
	assert_true(wire_wait(r->wire,
	    wire_send_read(r->wire, e.nodeid, fh, 0, 4096), 10000, &a));
	assert_int_equal(a.error, 0);
	assert_int_equal(a.length, 0);
	wire_release(r->wire, e.nodeid, fh);
}

static void
a_million_lookups_cost_no_memory(void **state)
{
	struct rig *r = *state;
	const struct fuse_forget_in in = { .nlookup = 1 };
	const struct wire_request forget = { FUSE_FORGET, r->big, &in,
		sizeof(in), NULL, NULL };
	struct tree_item before, after;

	/* Nothing is counted: an inode is the same after more forgets than
	 * lookups. */
	assert_true(tree_item(r->tree, r->big, &before));
	for (int i = 0; i < 100; i++)
		(void)wire_send(r->wire, &forget);
	assert_true(tree_item(r->tree, r->big, &after));
	assert_int_equal(get_attr(r, r->big).size, before.file->size);
	assert_ptr_equal(before.file, after.file);
}

static void
the_kernel_is_told_to_drop_all_files_open_or_not(void **state)
{
	struct rig *r = *state;
	bool big = false, small = false;
	struct wire_answer a;

	(void)rig_open(r, r->big);
	ops_forget_pages(&r->ops, r->se);
	/* Notices have number 0: one for each file, none for others. */
	for (int i = 0; i < 3; i++) {
		struct fuse_notify_inval_inode_out out;

		assert_true(wire_wait(r->wire, 0, 10000, &a));
		assert_int_equal(a.length, sizeof(out));
		memcpy(&out, a.body, sizeof(out));
		assert_int_equal(out.off, 0);
		assert_int_equal(out.len, 0);
		big = big || out.ino == r->big;
		small = small || out.ino == r->small;
	}
	assert_true(big && small);
	assert_false(wire_wait(r->wire, 0, 300, &a));
}

static void
trouble_that_passes_ends_no_thread(void **state)
{
	static const int errnums[] = { EINTR, EAGAIN, ENOMEM };
	struct rig *r = *state;
	struct fuse_entry_out e;

	for (size_t i = 0; i < sizeof(errnums) / sizeof(errnums[0]); i++) {
		/* More often than there are threads. */
		wire_trouble(5, errnums[i]);
		for (int n = 0; n < 8; n++)
			assert_int_equal(wire_lookup(r->wire, r->head, "big",
					     &e),
			    0);
	}
}

static void
nothing_is_opened_after_the_end(void **state)
{
	struct rig *r = *state;
	struct fuse_open_out o;

	reads_end(r->reads);
	assert_int_equal(wire_open(r->wire, r->big, O_RDONLY, &o), EIO);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(init_asks_for_large_requests_many_at_once_and_no_splice),
		TEST(attributes_are_those_of_what_was_put),
		TEST(names_may_be_remembered_for_good_absent_ones_too),
		TEST(links_are_read),
		TEST(directories_list_each_name_once_whatever_the_buffer),
		TEST(only_directories_are_opened_as_such),
		TEST(files_open_for_reading_and_keep_their_pages),
		TEST(every_change_is_refused_as_on_a_read_only_file_system),
		TEST(files_say_what_they_are_and_who_vouches_for_them),
		TEST(directories_have_a_version_and_what_is_above_has_nothing),
		TEST(attributes_tell_their_size_and_are_not_cut),
		TEST(what_others_ask_for_is_not_there),
		cmocka_unit_test(a_long_list_of_signers_is_cut_and_says_so),
		TEST(the_file_system_has_the_size_of_its_files_and_no_room),
		TEST(reads_give_what_was_put_wherever_they_begin),
		TEST(an_empty_file_reads_as_nothing),
		TEST(a_million_lookups_cost_no_memory),
		TEST(the_kernel_is_told_to_drop_all_files_open_or_not),
		TEST(trouble_that_passes_ends_no_thread),
		TEST(nothing_is_opened_after_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
