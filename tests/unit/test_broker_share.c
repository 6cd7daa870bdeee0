/* SPDX-License-Identifier: Apache-2.0 */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/desk.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

/* Nobody takes all there is of keyd. */

#define OF_ONE 256
#define BY_ONE 1024
#define ALL 4096
#define KEPT 64
#define OF_LINK 64

/* A vault with llama, which user:p0, user:p1 and so on may load, and a crowd of
 * those who open sessions for them. */
struct scene {
	struct desk d;
	struct desk_person owner;
	struct desk_person crowd[ALL / OF_LINK];
	size_t crowd_count;
};

static int
setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	const size_t size = 5;
	struct digest version;

	assert_non_null(s);
	log_sink(test_hush, NULL);
	desk_new(&s->d, true);
	desk_person_come(&s->owner, &s->d, 0);
	assert_int_equal(desk_put(&s->owner, "llama", &size, 1, &version), 0);
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct scene *s = *state;

	for (size_t i = 0; i < s->crowd_count; i++)
		desk_person_go(&s->crowd[i]);
	desk_person_go(&s->owner);
	desk_free(&s->d);
	free(s);
	return 0;
}

static void
grant_to(struct scene *s, unsigned int who)
{
	char to[32];
	uint64_t id;

	snprintf(to, sizeof(to), "user:p%u", who);
	assert_int_equal(desk_grant(&s->owner, "llama", to, MSG_GRANT_LOAD,
			     false, &id),
	    0);
}

static int
open_for(struct desk_person *p, unsigned int who)
{
	struct msg_session m;
	char name[32];
	int err;

	snprintf(name, sizeof(name), "user:p%u", who);
	err = desk_open(p, "llama", MSG_MOUNT, name, &m);
	if (err == 0)
		msg_session_clear(&m);
	return err;
}

/* A connection of this user, with as many sessions as it may have. */
static void
open_many(struct scene *s, uid_t uid, unsigned int who, unsigned int count)
{
	struct desk_person *p = &s->crowd[s->crowd_count++];

	desk_person_come(p, &s->d, uid);
	for (unsigned int i = 0; i < count; i++)
		assert_int_equal(open_for(p, who), 0);
}

static void
a_principal_has_so_many_sessions(void **state)
{
	struct scene *s = *state;

	grant_to(s, 0);
	grant_to(s, 1);
	for (unsigned int i = 0; i < OF_ONE; i += OF_LINK)
		open_many(s, 0, 0, OF_LINK);
	assert_int_equal(open_for(&s->owner, 0), ERR_LIMIT);
	assert_non_null(strstr(s->owner.sentence, "user:p0 has 256 sessions"));
	assert_int_equal(open_for(&s->owner, 1), 0);
	/* and when some are closed there is room again */
	desk_person_go(&s->crowd[--s->crowd_count]);
	broker_tick(s->d.broker, 100000);
	assert_int_equal(open_for(&s->owner, 0), 0);
}

/* Three mounters open what they may, a fourth the rest but what is kept. */
static void
there_is_room_left_for_those_who_look_after_the_vault(void **state)
{
	static const char *const names[] = { "user:daemon", "user:bin",
		"user:sys", "user:sync" };
	struct scene *s = *state;
	struct desk_person late;
	unsigned int opened = 0;

	for (unsigned int i = 0; i < ALL / OF_ONE; i++)
		grant_to(s, i);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(desk_role(&s->owner, MSG_ROLE_ADD, "mounter",
				     "", names[i]),
		    0);
	for (; opened < ALL - KEPT; opened += OF_LINK)
		open_many(s, 1 + opened / BY_ONE, opened / OF_ONE, OF_LINK);
	desk_person_come(&late, &s->d, 1);
	assert_int_equal(open_for(&late, 15), ERR_LIMIT);
	assert_non_null(strstr(late.sentence, "4032 sessions are open"));
	assert_int_equal(open_for(&s->owner, 15), 0);

	/* With room for all, nobody opens more than so many. */
	desk_person_go(&s->crowd[--s->crowd_count]);
	broker_tick(s->d.broker, 100000);
	assert_int_equal(open_for(&late, 15), ERR_LIMIT);
	assert_non_null(
	    strstr(late.sentence, "user:daemon has opened 1024 sessions"));
	desk_person_go(&late);
	desk_person_come(&late, &s->d, 4);
	assert_int_equal(open_for(&late, 15), 0);
	desk_person_go(&late);
}

static unsigned int lookups;

/* In place of libc's, which may ask a server for it. */
int
getpwuid_r(uid_t uid, struct passwd *record, char *buf, size_t n,
    struct passwd **found)
{
	const struct passwd *p = getpwuid(uid);

	lookups++;
	*found = NULL;
	if (p == NULL)
		return 0;
	assert_true(snprintf(buf, n, "%s", p->pw_name) > 0);
	*record = (struct passwd){ .pw_name = buf, .pw_uid = uid };
	*found = record;
	return 0;
}

/* The loop does not wait for a name service at each connection. */
static void
a_users_name_is_asked_for_once_a_minute(void **state)
{
	struct scene *s = *state;
	struct desk_person p[4];

	lookups = 0;
	for (int i = 0; i < 3; i++)
		desk_person_come(&p[i], &s->d, 1);
	assert_int_equal(lookups, 1);
	desk_person_come(&p[3], &s->d, 2);
	assert_int_equal(lookups, 2);
	desk_person_go(&p[3]);
	broker_tick(s->d.broker, 59999);
	desk_person_come(&p[3], &s->d, 1);
	assert_int_equal(lookups, 2);
	desk_person_go(&p[3]);
	broker_tick(s->d.broker, 60000);
	desk_person_come(&p[3], &s->d, 1);
	assert_int_equal(lookups, 3);
	/* One of another name has its own place, or takes it. */
	desk_person_go(&p[3]);
	desk_person_come(&p[3], &s->d, 65);
	assert_int_equal(desk_ask(&p[3], MSG_ROLE_LS, NULL, NULL), ERR_DENIED);
	assert_null(strstr(p[3].sentence, "daemon"));
	for (int i = 0; i < 4; i++)
		desk_person_go(&p[i]);
}

#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_users_name_is_asked_for_once_a_minute),
		TEST(a_principal_has_so_many_sessions),
		TEST(there_is_room_left_for_those_who_look_after_the_vault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
