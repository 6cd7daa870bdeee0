/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tests/lib/loan.h"
#include "tests/lib/test.h"
#include "vault/log.h"

static const size_t sizes[] = { 80 * 65536, 5 };

static void
both_come(struct loan *l)
{
	desk_person_come(&l->owner, &l->d, 0);
	desk_person_come(&l->daemon, &l->d, LOAN_READER);
}

static void
both_go(struct loan *l)
{
	desk_person_go(&l->owner);
	desk_person_go(&l->daemon);
}

int
loan_setup(void **state)
{
	struct loan *l = calloc(1, sizeof(*l));
	struct digest version;

	assert_non_null(l);
	log_sink(test_hush, NULL);
	desk_new(&l->d, true);
	both_come(l);
	assert_int_equal(desk_put(&l->owner, "llama", sizes, 2, &version), 0);
	assert_int_equal(desk_grant(&l->owner, "llama", "user:daemon",
			     MSG_GRANT_LOAD, true, &l->grant),
	    0);
	*state = l;
	return 0;
}

int
loan_teardown(void **state)
{
	struct loan *l = *state;

	both_go(l);
	desk_free(&l->d);
	free(l);
	return 0;
}

void
loan_restart(struct loan *l, bool cleanly)
{
	both_go(l);
	desk_restart(&l->d, cleanly);
	both_come(l);
}

uint64_t
loan_open(struct desk_person *p)
{
	struct msg_session m;
	uint64_t id;

	assert_int_equal(desk_open(p, "llama", MSG_MOUNT, "", &m), 0);
	id = m.session;
	msg_session_clear(&m);
	return id;
}

int
loan_release(struct desk_person *p, uint64_t session, uint64_t first,
    uint32_t count)
{
	struct msg_release_reply r;
	int err = desk_release(p, session, first, count, &r);

	if (err == 0) {
		assert_int_equal(r.count, count);
		msg_release_reply_clear(&r);
	}
	return err;
}
