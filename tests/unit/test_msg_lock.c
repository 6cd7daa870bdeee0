/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "keys/msg.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/secret.h"

/* What is read is what was written; a byte less or more is refused. */
#define FITS_EXACTLY(x, w)                                                     \
	do {                                                                   \
		for (size_t n = 0; n <= (w)->length; n++) {                    \
			struct reader r = reader_of((w)->bytes, n);            \
			OWNED_WRITER again = writer_of(1 << 16);               \
			struct msg_##x m;                                      \
                                                                               \
			if (n < (w)->length) {                                 \
				assert_int_equal(msg_##x##_read(&m, &r),       \
				    ERR_FORMAT);                               \
				continue;                                      \
			}                                                      \
			assert_int_equal(msg_##x##_read(&m, &r), 0);           \
			msg_##x##_write(&again, &m);                           \
			msg_##x##_clear(&m);                                   \
			assert_int_equal(again.length, (w)->length);           \
			assert_memory_equal(again.bytes, (w)->bytes,           \
			    (w)->length);                                      \
		}                                                              \
		writer_u8(w, 0);                                               \
		{                                                              \
			struct reader r = reader_of((w)->bytes, (w)->length);  \
			struct msg_##x m;                                      \
                                                                               \
			assert_int_equal(msg_##x##_read(&m, &r), ERR_FORMAT);  \
		}                                                              \
	} while (0)

static struct unlock
secret(enum unlock_kind kind, const char *text)
{
	struct unlock u = { .kind = kind };

	assert_int_equal(secret_text_from(&u.secret, text, strlen(text)), 0);
	return u;
}

static void
an_unlock_is_read_as_it_was_written(void **state)
{
	OWNED_UNLOCK u = secret(UNLOCK_PASSPHRASE, "a passphrase");
	OWNED_WRITER w = writer_of(1 << 16);

	(void)state;
	msg_unlock_write(&w, &(struct msg_unlock){ u });
	FITS_EXACTLY(unlock, &w);
}

static void
a_secret_of_no_kind_is_refused(void **state)
{
	OWNED_WRITER w = writer_of(64);
	struct msg_unlock m;
	struct reader r;

	(void)state;
	writer_u8(&w, UNLOCK_RECOVERY + 1);
	writer_blob(&w, "text", 4);
	r = reader_of(w.bytes, w.length);
	assert_int_equal(msg_unlock_read(&m, &r), ERR_FORMAT);
}

static void
the_reply_is_read_as_it_was_written(void **state)
{
	OWNED_WRITER w = writer_of(64);

	(void)state;
	msg_lock_reply_write(&w, &(struct msg_lock_reply){ true, 7 });
	FITS_EXACTLY(lock_reply, &w);
}

static void
a_rekey_is_read_as_it_was_written(void **state)
{
	OWNED_UNLOCK proof = secret(UNLOCK_KEY_FILE, "a key");
	OWNED_UNLOCK fresh = secret(UNLOCK_RECOVERY, "new");
	OWNED_WRITER w = writer_of(1 << 16);
	struct unlock others[] = { secret(UNLOCK_PASSPHRASE, "one"),
		secret(UNLOCK_KEY_FILE, "two") };
	const struct msg_rekey sent = { proof, fresh, true, 2, others };

	(void)state;
	msg_rekey_write(&w, &sent);
	FITS_EXACTLY(rekey, &w);
	unlock_clear(&others[0]);
	unlock_clear(&others[1]);
}

/* As many secrets as a vault has slots, but for the one that proves. */
static void
a_rekey_has_so_many_secrets_and_no_more(void **state)
{
	OWNED_UNLOCK one = secret(UNLOCK_KEY_FILE, "a key");
	OWNED_UNLOCK fresh = secret(UNLOCK_RECOVERY, "new");
	struct unlock others[MSG_SECRETS_MAX + 1];

	(void)state;
	for (size_t i = 0; i <= MSG_SECRETS_MAX; i++)
		others[i] = one; /* borrowed */
	for (uint16_t n = MSG_SECRETS_MAX; n <= MSG_SECRETS_MAX + 1; n++) {
		const struct msg_rekey m = { one, fresh, false, n, others };
		OWNED_WRITER w = writer_of(1 << 16);
		struct msg_rekey got;
		struct reader r;

		msg_rekey_write(&w, &m);
		r = reader_of(w.bytes, w.length);
		if (n > MSG_SECRETS_MAX) {
			assert_int_equal(msg_rekey_read(&got, &r), ERR_FORMAT);
			continue;
		}
		assert_int_equal(msg_rekey_read(&got, &r), 0);
		assert_int_equal(got.count, n);
		msg_rekey_clear(&got);
	}
}

static void
a_new_recovery_key_is_one(void **state)
{
	OWNED_UNLOCK one = secret(UNLOCK_KEY_FILE, "a key");
	OWNED_WRITER w = writer_of(1 << 16);
	struct msg_rekey m = { .proof = one, .recovery = one }, got;
	struct reader r;

	(void)state;
	msg_rekey_write(&w, &m);
	r = reader_of(w.bytes, w.length);
	assert_int_equal(msg_rekey_read(&got, &r), ERR_FORMAT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unlock_is_read_as_it_was_written),
		cmocka_unit_test(a_secret_of_no_kind_is_refused),
		cmocka_unit_test(the_reply_is_read_as_it_was_written),
		cmocka_unit_test(a_rekey_is_read_as_it_was_written),
		cmocka_unit_test(a_rekey_has_so_many_secrets_and_no_more),
		cmocka_unit_test(a_new_recovery_key_is_one),
	};

	if (secret_init() != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
