/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "keys/frame.h"
#include "keys/msg.h"
#include "tests/lib/again.h"
#include "tests/lib/fault.h"
#include "tests/lib/test.h"
#include "vault/err.h"

/* Each message: a sample, and a function that writes what it read. */
AGAIN(hello);
AGAIN(hello_reply);
AGAIN(role);
AGAIN(grant_add);
AGAIN(grant_explain);
AGAIN(id_reason);
AGAIN(list);
AGAIN(put_begin_reply);
AGAIN(put_keys);
AGAIN(put_keys_reply);
AGAIN(put_commit);
AGAIN(version);
AGAIN(session_open);
AGAIN(session);
AGAIN(session_resume);
AGAIN(session_exe);
AGAIN(release);
AGAIN(release_reply);
AGAIN(extents);
AGAIN(fault);
AGAIN(trouble);
AGAIN(check_report);
AGAIN(statement_sign);
AGAIN(sign_oms);
AGAIN(alert_ack);
AGAIN(decoy);
AGAIN(secret_add);
AGAIN(secret_rm);
AGAIN(backup);
AGAIN(consistency);

static char text[] = "some text", empty[] = "", json[] = "{\"a\":\"b\"}";

static void
sample_hello(struct writer *w)
{
	const struct msg_hello m = { .version = 1, .program = text };

	msg_hello_write(w, &m);
}

static void
sample_hello_reply(struct writer *w)
{
	const struct msg_hello_reply m = {
		.version = 1,
		.vault = { 1, 2, 3 },
		.service = true,
		.principal = text,
		.uid = 1000,
	};

	msg_hello_reply_write(w, &m);
}

static void
sample_role(struct writer *w)
{
	const struct msg_role m = { .role = text, .family = empty, .to = text };

	msg_role_write(w, &m);
}

static void
sample_grant_add(struct writer *w)
{
	const struct msg_grant_add m = {
		.model = text,
		.channel = empty,
		.version = text,
		.to = text,
		.type = MSG_GRANT_LOAD,
		.loads = 7,
		.per_day = true,
		.until_ms = 1700000000000,
		.reason = text,
		.hosts = text,
		.days = text,
		.hours = empty,
		.zone = empty,
		.max_sessions = 3,
		.exes = text,
	};

	msg_grant_add_write(w, &m);
}

static void
sample_grant_explain(struct writer *w)
{
	const struct msg_grant_explain m = {
		.principal = text,
		.reference = text,
		.host = empty,
		.export = true,
		.at_ms = 1700000000000,
	};

	msg_grant_explain_write(w, &m);
}

static void
sample_id_reason(struct writer *w)
{
	const struct msg_id_reason m = { .id = 5, .reason = text };

	msg_id_reason_write(w, &m);
}

static void
sample_list(struct writer *w)
{
	const struct msg_list m = { .model = text, 7, true, .after = text };

	msg_list_write(w, &m);
}

static void
sample_put_begin_reply(struct writer *w)
{
	const struct msg_put_begin_reply m = { .upload = 9,
		.manifest_key = { 1 },
		.lockbox_key = { 2 } };

	msg_put_begin_reply_write(w, &m);
}

static void
sample_put_keys(struct writer *w)
{
	struct digest d[3] = { { { 1 } }, { { 2 } }, { { 3 } } };
	const struct msg_put_keys m = { .upload = 9, .count = 3, d };

	msg_put_keys_write(w, &m);
}

static void
sample_put_keys_reply(struct writer *w)
{
	uint8_t keys[2][KEY_SIZE] = { { 1 }, { 2 } };
	const struct msg_put_keys_reply m = { .count = 2, .keys = keys };

	msg_put_keys_reply_write(w, &m);
}

static void
sample_put_commit(struct writer *w)
{
	const struct msg_put_commit m = {
		.upload = 9,
		.version = { { 1 } },
		.object = { { 2 } },
		.files = 3,
		.bytes = 4,
		.weights = 5,
		.chunks = 6,
		.labels = json,
		.imports = text,
	};

	msg_put_commit_write(w, &m);
}

static void
sample_version(struct writer *w)
{
	const struct msg_version m = {
		.model = text,
		.version = { { 1 } },
		.object = { { 2 } },
		.manifest_key = { 3 },
		.created_ms = 4,
		.by = text,
		.labels = json,
		.read_ms = 5,
	};

	msg_version_write(w, &m);
}

static void
sample_session_open(struct writer *w)
{
	char *refs[] = { text, empty, text };
	const struct msg_session_open m = {
		.principal = text,
		.purpose = MSG_GET,
		.mountpoint = text,
		.host = text,
		.pid = 1,
		.exe = text,
		.trust = MSG_FIRST_USE,
		.count = 3,
		.refs = refs,
	};

	msg_session_open_write(w, &m);
}

static void
sample_session(struct writer *w)
{
	struct msg_version versions[2] = {
		{ .model = text,
		    .channel = text,
		    .grant = 1,
		    .type = MSG_GRANT_LOAD,
		    .export = true,
		    .window = 64,
		    .readahead_kb = 5,
		    .expires_ms = 6 },
		{ .model = text,
		    .channel = empty,
		    .grant = 2,
		    .type = MSG_GRANT_BROWSE,
		    .window = 1 },
	};
	const struct msg_session m = {
		.session = 3,
		.token = { 4 },
		.count = 2,
		.versions = versions,
	};

	msg_session_write(w, &m);
}

static void
sample_session_exe(struct writer *w)
{
	const struct msg_session_exe m = {
		.session = 3,
		.pid = 7,
		.exe = text,
		.seen = true,
		.digest = { { 4 } },
	};

	msg_session_exe_write(w, &m);
}

static void
sample_session_resume(struct writer *w)
{
	const struct msg_session_resume m = { .session = 3, .token = { 4 } };

	msg_session_resume_write(w, &m);
}

static void
sample_release(struct writer *w)
{
	const struct msg_release m = { 1, 2, 3, 64 };

	msg_release_write(w, &m);
}

static void
sample_release_reply(struct writer *w)
{
	struct msg_release_reply m = { .count = 2 };

	m.rows[1].length = 7;
	m.rows[0].key[3] = 5;
	msg_release_reply_write(w, &m);
}

static void
sample_extents(struct writer *w)
{
	struct msg_extent e[2] = {
		{ .file = 1, .offset = 2, .length = 3, .exe = text },
		{ .uid = 4, .pid = 5, .exe = empty },
	};
	const struct msg_extents m = { .session = 1, .count = 2, .extents = e };

	msg_extents_write(w, &m);
}

static void
sample_fault(struct writer *w)
{
	const struct msg_fault m = { .session = 1,
		.file = MSG_NO_FILE,
		.reason = text };

	msg_fault_write(w, &m);
}

static void
sample_trouble(struct writer *w)
{
	const struct msg_trouble m = { 1, MSG_TROUBLE_KEYS };

	msg_trouble_write(w, &m);
}

static void
sample_consistency(struct writer *w)
{
	const struct msg_consistency m = { .note = text,
		.count = 2,
		.proof = { { { 1 } }, { { 2 } } } };

	msg_consistency_write(w, &m);
}

static void
sample_check_report(struct writer *w)
{
	const struct msg_check_report m = { 1, 2, true, 3, 4 };

	msg_check_report_write(w, &m);
}

static void
sample_statement_sign(struct writer *w)
{
	const struct msg_statement_sign m = { 7, { { 1 } }, { 2 } };

	msg_statement_sign_write(w, &m);
}

static void
sample_sign_oms(struct writer *w)
{
	char *ignored[] = { text, text };
	const struct msg_sign_oms m = {
		.reference = text,
		.name = text,
		.count = 2,
		.ignored = ignored,
		.key = text,
		.sig = { 0x30, 1 },
		.sig_length = 72,
	};

	msg_sign_oms_write(w, &m);
}

static void
sample_alert_ack(struct writer *w)
{
	const struct msg_alert_ack m = { 7, text, text };

	msg_alert_ack_write(w, &m);
}

static void
sample_decoy(struct writer *w)
{
	const struct msg_decoy m = { text, text };

	msg_decoy_write(w, &m);
}

static struct unlock
sample_secret(enum unlock_kind kind)
{
	struct unlock u = { .kind = kind };

	assert_int_equal(secret_text_from(&u.secret, text, strlen(text)), 0);
	return u;
}

static void
sample_backup(struct writer *w)
{
	uint8_t b[] = { 1, 2, 3 };

	msg_backup_write(w, &(struct msg_backup){ text, b, 3, b, 2, 7 });
}

static void
sample_secret_add(struct writer *w)
{
	OWNED_UNLOCK proof = sample_secret(UNLOCK_PASSPHRASE);
	OWNED_UNLOCK fresh = sample_secret(UNLOCK_RECOVERY);
	const struct msg_secret_add m = { proof, fresh, text, true, empty };

	msg_secret_add_write(w, &m);
}

static void
sample_secret_rm(struct writer *w)
{
	OWNED_UNLOCK proof = sample_secret(UNLOCK_KEY_FILE);
	const struct msg_secret_rm m = { proof, text };

	msg_secret_rm_write(w, &m);
}

#define MESSAGE(x)                                                             \
	{                                                                      \
#x, sample_##x, again_##x                                      \
	}
static const struct {
	const char *name;
	void (*sample)(struct writer *w);
	int (*again)(const uint8_t *bytes, size_t n, struct writer *w);
} messages[] = {
	MESSAGE(hello),
	MESSAGE(hello_reply),
	MESSAGE(role),
	MESSAGE(grant_add),
	MESSAGE(grant_explain),
	MESSAGE(id_reason),
	MESSAGE(list),
	MESSAGE(put_begin_reply),
	MESSAGE(put_keys),
	MESSAGE(put_keys_reply),
	MESSAGE(put_commit),
	MESSAGE(version),
	MESSAGE(session_open),
	MESSAGE(session),
	MESSAGE(session_resume),
	MESSAGE(session_exe),
	MESSAGE(release),
	MESSAGE(release_reply),
	MESSAGE(extents),
	MESSAGE(fault),
	MESSAGE(trouble),
	MESSAGE(check_report),
	MESSAGE(statement_sign),
	MESSAGE(sign_oms),
	MESSAGE(consistency),
	MESSAGE(alert_ack),
	MESSAGE(decoy),
	MESSAGE(secret_add),
	MESSAGE(secret_rm),
	MESSAGE(backup),
};
#define MESSAGES (sizeof(messages) / sizeof(messages[0]))

/* Try n bytes in memory of just that size: a read beyond is seen. */
static int
try_bytes(size_t i, const uint8_t *bytes, size_t n, struct writer *out)
{
	uint8_t *copy = malloc(n);
	int err;

	assert_true(copy != NULL || n == 0);
	if (n > 0)
		memcpy(copy, bytes, n);
	err = messages[i].again(copy, n, out);
	free(copy);
	return err;
}

static void
what_is_written_reads_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < MESSAGES; i++) {
		OWNED_WRITER w = writer_of(FRAME_MAX);
		OWNED_WRITER out = writer_of(FRAME_MAX);

		messages[i].sample(&w);
		assert_true(writer_ok(&w));
		assert_int_equal(try_bytes(i, w.bytes, w.length, &out), 0);
		assert_int_equal(out.length, w.length);
		assert_memory_equal(out.bytes, w.bytes, w.length);
	}
}

/* Lists without a count may end between two items. */
static bool
is_whole(size_t i, size_t n)
{
	if (strcmp(messages[i].name, "put_keys_reply") == 0)
		return n == 32;
	if (strcmp(messages[i].name, "release_reply") == 0)
		return n == 36;
	return false;
}

static void
refuses_every_truncation(void **state)
{
	(void)state;
	for (size_t i = 0; i < MESSAGES; i++) {
		OWNED_WRITER w = writer_of(FRAME_MAX);

		messages[i].sample(&w);
		for (size_t n = 0; n < w.length; n++) {
			OWNED_WRITER out = writer_of(FRAME_MAX);
			int err = try_bytes(i, w.bytes, n, &out);

			assert_int_equal(err, is_whole(i, n) ? 0 : ERR_FORMAT);
		}
	}
}

static void
refuses_a_byte_left_over(void **state)
{
	(void)state;
	for (size_t i = 0; i < MESSAGES; i++) {
		OWNED_WRITER w = writer_of(FRAME_MAX);
		OWNED_WRITER out = writer_of(FRAME_MAX);

		messages[i].sample(&w);
		writer_u8(&w, 0);
		assert_int_equal(try_bytes(i, w.bytes, w.length, &out),
		    ERR_FORMAT);
	}
}

static void
a_flipped_bit_is_refused_or_read_as_what_it_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < MESSAGES; i++) {
		OWNED_WRITER w = writer_of(FRAME_MAX);

		messages[i].sample(&w);
		for (size_t bit = 0; bit < w.length * 8; bit++) {
			OWNED_WRITER out = writer_of(FRAME_MAX);

			w.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
			if (try_bytes(i, w.bytes, w.length, &out) == 0) {
				assert_int_equal(out.length, w.length);
				assert_memory_equal(out.bytes, w.bytes,
				    w.length);
			}
			w.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
		}
	}
}

static void
out_of_memory_is_an_error(void **state)
{
	(void)state;
	for (size_t i = 0; i < MESSAGES; i++) {
		OWNED_WRITER w = writer_of(FRAME_MAX);
		OWNED_WRITER out = writer_of(FRAME_MAX);

		messages[i].sample(&w);
		assert_non_null(writer_room(&out, 4096));
		for (unsigned int n = 1;; n++) {
			int err;

			writer_reset(&out);
			fault_fail(FAULT_MEMORY, n, ENOMEM);
			err = messages[i].again(w.bytes, w.length, &out);
			if (!fault_off()) {
				assert_int_equal(err, 0);
				break;
			}
			assert_true(err == ERR_FORMAT || err == ERR_NOMEM);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_reads_back),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(refuses_a_byte_left_over),
		cmocka_unit_test(
		    a_flipped_bit_is_refused_or_read_as_what_it_says),
		cmocka_unit_test(out_of_memory_is_an_error),
	};

	if (secret_init() != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
