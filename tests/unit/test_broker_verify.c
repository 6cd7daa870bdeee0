/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/broker_state.h"
#include "keys/verifier.h"
#include "tests/lib/bureau.h"
#include "tests/lib/desk.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

#define DAEMON 1
#define BIN 2
#define SYS 3
#define JOBS_MAX 16

static const size_t sizes[] = { 200000, 5 };
static const size_t other_sizes[] = { 70000 };
static const size_t third_sizes[] = { 71000 };

/* A desk, and what a verifier is given to do. */
struct office {
	struct desk d; /* first: it is the double's argument */
	struct desk_person owner;
	struct verifier_job jobs[JOBS_MAX];
	unsigned int count;
	int result; /* of the next start */
};

static int
double_verify(void *arg, const struct verifier_job *job)
{
	struct office *o = arg;

	assert_true(o->count < JOBS_MAX);
	if (o->result == 0)
		o->jobs[o->count++] = *job;
	return o->result;
}

static void
restart(struct office *o, bool cleanly)
{
	desk_person_go(&o->owner);
	desk_restart(&o->d, cleanly);
	desk_person_come(&o->owner, &o->d, 0);
}

static int
begin(void **state, bool service)
{
	struct office *o = calloc(1, sizeof(*o));

	assert_non_null(o);
	log_sink(test_hush, NULL);
	desk_new(&o->d, service);
	desk_person_come(&o->owner, &o->d, 0);
	o->d.verify = double_verify;
	restart(o, true);
	*state = o;
	return 0;
}

static int
service(void **state)
{
	return begin(state, true);
}

static int
embedded(void **state)
{
	return begin(state, false);
}

static int
teardown(void **state)
{
	struct office *o = *state;

	desk_person_go(&o->owner);
	desk_free(&o->d);
	free(o);
	return 0;
}

static void
tick(struct office *o)
{
	broker_tick(o->d.broker, 0);
	assert_int_equal(broker_failed(o->d.broker), 0);
}

static struct digest
put(struct office *o, const size_t *what, size_t count)
{
	struct digest version;

	assert_int_equal(desk_put(&o->owner, "llama", what, count, &version),
	    0);
	return version;
}

static int
ask(struct desk_person *p, const struct digest *version, bool want,
    json_t **out)
{
	char hex[DIGEST_HEX_SIZE], ref[128];
	OWNED_WRITER body = writer_of(4096);
	struct reader reply;
	char *text = NULL;
	int err;

	snprintf(ref, sizeof(ref), "llama@%s", digest_hex(version, hex));
	msg_string_write(&body, ref);
	msg_field_bool_write(&body, want);
	err = desk_ask(p, MSG_VERSION_VERIFY, &body, &reply);
	if (err == 0) {
		assert_int_equal(msg_text_read(&text, &reply), 0);
		*out = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(*out);
		free(text);
	}
	return err;
}

/* The owner asks, and is told this. */
static void
is_state(struct office *o, const struct digest *version, bool want,
    const char *state)
{
	json_t *j = NULL;

	assert_int_equal(ask(&o->owner, version, want, &j), 0);
	assert_string_equal(json_string_value(json_object_get(j, "state")),
	    state);
	json_decref(j);
}

static void
has_reason(struct office *o, const struct digest *version, const char *reason)
{
	json_t *j = NULL;

	assert_int_equal(ask(&o->owner, version, false, &j), 0);
	assert_string_equal(json_string_value(json_object_get(j, "reason")),
	    reason);
	json_decref(j);
}

/* The verifier, of the job it was given last. */
static struct verifier_news
news(const struct office *o, uint32_t files, uint64_t bytes)
{
	return (struct verifier_news){ .id = o->jobs[o->count - 1].id,
		.files = files,
		.bytes = bytes };
}

static void
tell_end(struct office *o, int err, uint64_t bytes, const char *reason)
{
	struct verifier_news n = news(o, 2, bytes);

	n.done = true;
	n.err = err;
	snprintf(n.reason, sizeof(n.reason), "%s", reason);
	broker_verified(o->d.broker, &n);
}

static void
a_service_verifies_what_was_put_one_after_another(void **state)
{
	struct office *o = *state;
	struct digest first = put(o, sizes, 2), second = put(o, other_sizes, 1);

	is_state(o, &first, false, "unknown");
	assert_int_equal(o->count, 0);
	tick(o);
	tick(o);
	assert_int_equal(o->count, 1);
	assert_memory_equal(&o->jobs[0].version, &first, sizeof(first));
	is_state(o, &first, false, "running");
	is_state(o, &second, true, "queued");
	tell_end(o, 0, 200005, "");
	is_state(o, &first, true, "verified");
	assert_int_equal(o->count, 2);
	assert_memory_equal(&o->jobs[1].version, &second, sizeof(second));
	is_state(o, &second, false, "running");
	tell_end(o, 0, 70000, "");
	is_state(o, &second, false, "verified");
	tick(o);
	assert_int_equal(o->count, 2);
	assert_int_equal(desk_count(&o->d, "verify"), 2);
}

static void
an_embedded_keyd_verifies_when_it_is_asked(void **state)
{
	struct office *o = *state;
	struct digest version = put(o, sizes, 2);

	tick(o);
	is_state(o, &version, false, "unknown");
	assert_int_equal(o->count, 0);
	is_state(o, &version, true, "running");
	is_state(o, &version, true, "running");
	assert_int_equal(o->count, 1);
}

/* In between the catalogue does not know yet what the trail does:
 * no second reading may come of it, nor a question be answered as
 * if nobody had looked. */
static void
a_verdict_is_recorded_once(void **state)
{
	struct office *o = *state;
	struct digest version = put(o, sizes, 2);

	is_state(o, &version, true, "running");
	tell_end(o, 0, 200005, "");
	tell_end(o, ERR_INTEGRITY, 200005, "too late");
	assert_null(STAILQ_FIRST(&o->d.broker->checks));
	is_state(o, &version, true, "verified");
	assert_int_equal(o->count, 1);
	assert_int_equal(desk_count(&o->d, "verify"), 1);
	restart(o, true);
	tick(o);
	is_state(o, &version, true, "verified");
	assert_int_equal(o->count, 1);
}

static void
it_goes_on_where_it_was(void **state)
{
	struct office *o = *state;
	struct digest version = put(o, sizes, 2);
	struct verifier_news n;
	uint32_t files;
	json_t *j;

	tick(o);
	assert_int_equal(o->jobs[0].first_file, 0);
	n = news(o, 1, 200000);
	broker_verified(o->d.broker, &n);
	assert_int_equal(ask(&o->owner, &version, false, &j), 0);
	assert_int_equal(json_integer_value(json_object_get(j, "done")),
	    200000);
	assert_int_equal(json_integer_value(json_object_get(j, "total")),
	    200005);
	assert_int_equal(json_integer_value(json_object_get(j, "files")), 1);
	json_decref(j);
	tick(o);
	restart(o, false);
	tick(o);
	assert_int_equal(o->count, 2);
	assert_int_equal(o->jobs[1].first_file, 1);
	tell_end(o, 0, 200005, "");
	is_state(o, &version, false, "verified");
	/* What is no use any more is not kept. */
	assert_int_equal(catalogue_verifying_get(o->d.catalogue, "llama",
			     &version, &files),
	    0);
	assert_int_equal(files, 0);
}

static void
a_failure_is_told_for_ten_seconds_and_is_no_verdict(void **state)
{
	struct office *o = *state;
	struct digest version = put(o, sizes, 2);

	is_state(o, &version, true, "running");
	tell_end(o, ERR_IO, 0, "the verifier was killed");
	is_state(o, &version, true, "failed");
	has_reason(o, &version, "the verifier was killed");
	assert_int_equal(o->count, 1);
	assert_int_equal(desk_count(&o->d, "verify"), 0);
	o->d.broker->verify_failed_ms -= 9000;
	is_state(o, &version, true, "failed");
	o->d.broker->verify_failed_ms -= 1000;
	is_state(o, &version, false, "unknown");
	is_state(o, &version, true, "running");
	assert_int_equal(o->count, 2);
}

static void
one_that_cannot_start_does_not_stop_the_others(void **state)
{
	struct office *o = *state;
	struct digest first = put(o, sizes, 2), second;

	o->result = ERR_IO;
	tick(o);
	is_state(o, &first, false, "failed");
	o->result = 0;
	second = put(o, other_sizes, 1);
	tick(o);
	assert_int_equal(o->count, 1);
	/* Both are looked for when something was put. */
	assert_memory_equal(&o->jobs[0].version, &first, sizeof(first));
	is_state(o, &second, false, "queued");
}

static void
what_it_cannot_mean_is_no_verdict(void **state)
{
	struct office *o = *state;
	struct digest version = put(o, sizes, 2);
	struct verifier_news n;

	is_state(o, &version, true, "running");
	n = news(o, 2, 200005);
	n.id++;
	n.done = true;
	broker_verified(o->d.broker, &n);
	is_state(o, &version, false, "running");
	tell_end(o, 0, 200004, "");
	is_state(o, &version, false, "failed");
	assert_int_equal(desk_count(&o->d, "verify"), 0);
}

static int
sign(struct office *o, const struct digest *version)
{
	struct statement_fields f = bureau_version(&o->d, "llama", version);

	return bureau_say(&o->owner, &f, 1 << 2, NULL);
}

static void
only_what_was_verified_is_signed(void **state)
{
	const struct bureau_policy policy = BUREAU_POLICY;
	struct office *o = *state;
	struct digest good, bad;
	json_t *e;

	bureau_begin(&o->owner, &policy);
	good = put(o, sizes, 2);
	bad = put(o, other_sizes, 1);
	assert_int_equal(sign(o, &good), ERR_CONFLICT);
	is_state(o, &good, true, "running");
	assert_int_equal(sign(o, &good), ERR_CONFLICT);
	tell_end(o, 0, 200005, "");
	assert_int_equal(sign(o, &good), 0);

	is_state(o, &bad, true, "running");
	tell_end(o, ERR_INTEGRITY, 1, "f0: its content is not the one");
	is_state(o, &bad, true, "bad");
	has_reason(o, &bad, "f0: its content is not the one");
	assert_int_equal(sign(o, &bad), ERR_INTEGRITY);
	assert_non_null(strstr(o->owner.sentence, "f0: its content"));
	e = desk_last(&o->d, "verify");
	assert_true(json_is_false(json_object_get(e, "ok")));
	assert_string_equal(json_string_value(json_object_get(e, "reason")),
	    "f0: its content is not the one");
	json_decref(e);
}

static void
a_bad_version_that_is_put_again_is_read_again(void **state)
{
	struct office *o = *state;
	struct digest version = put(o, sizes, 2), same;

	tick(o);
	tell_end(o, ERR_INTEGRITY, 1, "f0: object: missing");
	tick(o);
	is_state(o, &version, true, "bad");
	assert_int_equal(o->count, 1);
	same = put(o, sizes, 2);
	assert_memory_equal(&version, &same, sizeof(same));
	tick(o);
	is_state(o, &version, false, "running");
	tell_end(o, 0, 200005, "");
	is_state(o, &version, false, "verified");
	/* A good one stays good. */
	put(o, sizes, 2);
	tick(o);
	assert_int_equal(o->count, 2);
	is_state(o, &version, false, "verified");
}

static void
owners_managers_and_its_uploaders_may_ask(void **state)
{
	struct office *o = *state;
	struct digest version = put(o, sizes, 2), none = { 0 };
	const struct {
		uid_t uid;
		const char *to, *role, *family;
		int err;
	} cases[] = {
		{ DAEMON, "user:daemon", "manager", "", 0 },
		{ BIN, "user:bin", "uploader", "llama", 0 },
		{ SYS, "user:sys", "uploader", "other", ERR_DENIED },
		{ 4, "user:sync", "reviewer", "", ERR_DENIED },
	};
	unsigned int refused = desk_count(&o->d, "refused");
	json_t *j = NULL;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct desk_person p;

		assert_int_equal(desk_role(&o->owner, MSG_ROLE_ADD,
				     cases[i].role, cases[i].family,
				     cases[i].to),
		    0);
		desk_person_come(&p, &o->d, cases[i].uid);
		assert_int_equal(ask(&p, &version, true, &j), cases[i].err);
		if (cases[i].err == 0)
			json_decref(j);
		desk_person_go(&p);
	}
	assert_int_equal(desk_count(&o->d, "refused"), refused + 2);
	assert_int_equal(o->count, 1);
	assert_int_equal(ask(&o->owner, &none, true, &j), ERR_NOT_FOUND);
}

static void
without_a_verifier_nothing_is_promised(void **state)
{
	struct office *o = *state;
	struct digest version = put(o, third_sizes, 1);
	json_t *j = NULL;

	o->d.verify = NULL;
	restart(o, true);
	tick(o);
	is_state(o, &version, false, "unknown");
	assert_int_equal(ask(&o->owner, &version, true, &j), ERR_UNREACHABLE);
}

#define SERVICE(test) cmocka_unit_test_setup_teardown(test, service, teardown)
#define EMBEDDED(test) cmocka_unit_test_setup_teardown(test, embedded, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SERVICE(a_service_verifies_what_was_put_one_after_another),
		EMBEDDED(an_embedded_keyd_verifies_when_it_is_asked),
		EMBEDDED(a_verdict_is_recorded_once),
		SERVICE(it_goes_on_where_it_was),
		EMBEDDED(a_failure_is_told_for_ten_seconds_and_is_no_verdict),
		SERVICE(one_that_cannot_start_does_not_stop_the_others),
		EMBEDDED(what_it_cannot_mean_is_no_verdict),
		EMBEDDED(only_what_was_verified_is_signed),
		SERVICE(a_bad_version_that_is_put_again_is_read_again),
		SERVICE(owners_managers_and_its_uploaders_may_ask),
		EMBEDDED(without_a_verifier_nothing_is_promised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
