/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A keyd that lies to a host.  no-rollback and signed-or-nothing: each lie is
 * refused with its reason, noted on the host, and leaves what it has seen as it
 * was.
 */
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "keys/chain.h"
#include "tests/lib/people.h"
#include "tests/lib/trails.h"
#include "tests/unit/client_dummy.h"
#include "vault/err.h"
#include "vault/log.h"

#define DAY INT64_C(86400000)
#define PROD "llama/base:prod"

/* The Makefile wraps it: a host that has forgotten what it saw of channels is
 * the control of the tests below. */
struct seen_channel __real_seen_channel(const struct seen *s, const char *key);
struct seen_channel __wrap_seen_channel(const struct seen *s, const char *key);
static bool forgetful;

struct seen_channel
__wrap_seen_channel(const struct seen *s, const char *key)
{
	return forgetful ? (struct seen_channel){ 0 } :
			   __real_seen_channel(s, key);
}

/* A vault and a host. */
struct scene {
	struct scratch host;
	struct trails trails;
	struct client keyd;
	struct chain_how how;
	struct statement *roots[4];
	struct statement *statement;
	struct statement *promotion;
	char pin[256]; /* a file */
	const char *pins[1];
	int64_t now;
};

static int64_t
clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000;
}

static struct statement *
signed_by(struct statement *s, unsigned int who)
{
	for (unsigned int i = 0; i < 8; i++)
		if ((who >> i & 1) != 0)
			people_sign(i, s);
	return s;
}

/* Persons 1 and 2 have signed; a test that wants others says so. */
#define TWO 6U

static struct statement_fields
promotion_fields(const struct scene *s, uint64_t serial)
{
	struct statement_fields f = people_fields(STATEMENT_PROMOTION);

	f.serial = serial;
	f.time_ms = s->now - DAY;
	f.expires_ms = s->now + 30 * DAY;
	return f;
}

static struct statement *
promotion(const struct scene *s, uint64_t serial)
{
	struct statement_fields f = promotion_fields(s, serial);

	return signed_by(people_statement(&f), TWO);
}

static struct statement *
root(uint64_t n, const struct statement *previous, unsigned int threshold,
    unsigned int who)
{
	OWNED_MEM(char) policy = people_policy(4, threshold);

	return signed_by(people_root(policy, n, previous), who);
}

static void
write_file(const char *path, const struct statement *s)
{
	char *text;
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(statement_envelope(s, &text), 0);
	assert_true(fprintf(f, "%s\n", text) > 0);
	assert_int_equal(fclose(f), 0);
	free(text);
}

static int
set_up(void **state)
{
	static const uint8_t vault[] = PEOPLE_VAULT;
	struct scene *s = calloc(1, sizeof(*s));
	struct statement_fields f = people_fields(STATEMENT_VERSION);

	assert_non_null(s);
	s->now = clock_ms();
	s->host = scratch_new();
	s->trails = trails_new();
	assert_int_equal(trails_open(&s->trails, 0), 0);
	assert_int_equal(trails_add(&s->trails, 300), 0);
	trails_close(&s->trails);
	s->roots[0] = root(1, NULL, 2, TWO);
	s->statement = signed_by(people_statement(&f), TWO);
	s->promotion = promotion(s, 3);
	memcpy(s->keyd.peer.vault, vault, sizeof(vault));
	s->keyd.roots[0] = s->roots[0];
	s->keyd.root_count = 1;
	s->keyd.model = "llama/base";
	s->keyd.channel = "prod";
	s->keyd.version = f.version;
	s->keyd.statement = s->statement;
	s->keyd.promotion = s->promotion;
	s->keyd.trails = &s->trails;
	snprintf(s->pin, sizeof(s->pin), "%s/root.json", s->host.path);
	write_file(s->pin, s->roots[0]);
	s->pins[0] = s->pin;
	s->how.trust_files = s->pins;
	s->how.trust_count = 1;
	s->how.directory = s->host.path;
	setenv("WEIR_STATE_DIR", s->host.path, 1);
	*state = s;
	return 0;
}

static int
tear_down(void **state)
{
	struct scene *s = *state;

	forgetful = false;
	for (size_t i = 0; i < 4; i++)
		statement_free(s->roots[i]);
	statement_free(s->statement);
	statement_free(s->promotion);
	trails_free(&s->trails);
	scratch_free(&s->host);
	free(s);
	return 0;
}

/* A file beneath the state directory; "" when it is not there. */
static char *
host_file(const struct scene *s, const char *name)
{
	char path[256];
	uint8_t *bytes = NULL;
	size_t n;

	snprintf(path, sizeof(path), "0102030405060708090a0b0c0d0e0f10/%s",
	    name);
	if (file_load(s->host.dir, path, 1U << 20, &bytes, &n) != 0)
		return strdup("");
	return (char *)bytes;
}

static int
reads(struct scene *s, const char *ref, struct chain_session *out)
{
	char none[] = "", what[256];
	char *refs[] = { what };
	const struct msg_session_open open = {
		.principal = none,
		.purpose = MSG_MOUNT,
		.mountpoint = none,
		.host = none,
		.exe = none,
		.count = 1,
		.refs = refs,
	};

	snprintf(what, sizeof(what), "%s", ref);
	trails_line[0] = '\0';
	return chain_session_open(out, &s->keyd, &s->how, &open);
}

static void
accepts(struct scene *s, const char *ref)
{
	struct chain_session out = { 0 };
	int err = reads(s, ref, &out);

	if (err != 0)
		fail_msg("%s: %d: %s", ref, err, trails_line);
	chain_session_clear(&out);
}

/* With this reason, which is noted; what was seen stays. */
static void
refuses(struct scene *s, const char *ref, const char *reason)
{
	struct chain_session out = { 0 };
	OWNED_MEM(char) before = host_file(s, "seen.json");
	OWNED_MEM(char) after = NULL;
	OWNED_MEM(char) noted = NULL;
	const char *last;
	int err = reads(s, ref, &out);

	if (err == 0)
		chain_session_clear(&out);
	if (err != ERR_INTEGRITY || strstr(trails_line, reason) == NULL)
		fail_msg("wanted '%s', not %d: %s", reason, err, trails_line);
	assert_int_equal(s->keyd.opened, s->keyd.closed);
	noted = host_file(s, "refused");
	assert_true(strlen(noted) > 0);
	noted[strlen(noted) - 1] = '\0';
	last = strrchr(noted, '\n');
	if (strstr(last != NULL ? last : noted, reason) == NULL)
		fail_msg("noted: %s", last != NULL ? last : noted);
	after = host_file(s, "seen.json");
	assert_string_equal(before, after);
}

/* As refuses, for a host that has read what is sound. */
static void
refuses_after_all_was_well(struct scene *s, const char *ref, const char *reason)
{
	const struct client lies = s->keyd;
	struct client sound = s->keyd;

	sound.roots[0] = s->roots[0];
	sound.root_count = 1;
	sound.newest = sound.root = 0;
	sound.channel = "prod";
	sound.version = people_fields(STATEMENT_VERSION).version;
	sound.statement = s->statement;
	sound.promotion = s->promotion;
	sound.earlier = sound.revocation = NULL;
	sound.trails = &s->trails;
	s->keyd = sound;
	accepts(s, PROD);
	s->keyd = lies;
	s->keyd.opened = s->keyd.closed = 0;
	refuses(s, ref, reason);
}

/* --- what is accepted --- */

static void
a_promoted_version_is_accepted_and_remembered(void **state)
{
	struct scene *s = *state;
	struct chain_session out = { 0 };
	OWNED_MEM(char) seen = NULL;

	assert_int_equal(reads(s, PROD, &out), 0);
	assert_int_equal(out.trust, CHAIN_PINNED);
	assert_int_equal(s->keyd.trust, MSG_PINNED);
	assert_string_equal(s->keyd.ref, PROD);
	assert_true(out.versions[0].is_signed);
	assert_int_equal(out.versions[0].serial, 3);
	assert_string_equal(out.versions[0].signed_by, "p1, p2");
	assert_string_equal(out.versions[0].promoted_by, "p1, p2");
	assert_int_equal(out.versions[0].expires_ms, s->now + 30 * DAY);
	chain_session_clear(&out);
	seen = host_file(s, "seen.json");
	assert_non_null(strstr(seen, "\"llama/base:prod\":{\"serial\":3,"));
	assert_non_null(strstr(seen, "\"how\":\"pinned\""));
	assert_non_null(strstr(seen, "weir.example/audit\\n300\\n"));
	/* What was seen does, without the file. */
	s->how.trust_count = 0;
	remove(s->pin);
	accepts(s, PROD);
}

static void
a_signed_version_is_accepted_by_its_digits(void **state)
{
	struct scene *s = *state;
	char hex[DIGEST_HEX_SIZE], ref[128];

	digest_hex(&s->keyd.version, hex);
	s->keyd.channel = NULL;
	s->keyd.promotion = NULL;
	snprintf(ref, sizeof(ref), "llama/base@%.8s", hex);
	accepts(s, ref);
	/* keyd is told the whole of it. */
	snprintf(ref, sizeof(ref), "llama/base@%s", hex);
	assert_string_equal(s->keyd.ref, ref);
	assert_int_equal(s->keyd.trust, MSG_PINNED);
}

static void
an_unsigned_version_is_accepted_when_told_to(void **state)
{
	struct scene *s = *state;
	char hex[DIGEST_HEX_SIZE], ref[128], few[128];
	struct chain_session out = { 0 };

	digest_hex(&s->keyd.version, hex);
	snprintf(ref, sizeof(ref), "llama/base@%.32s", hex);
	snprintf(few, sizeof(few), "llama/base@%.31s", hex);
	s->keyd.channel = NULL;
	s->keyd.statement = s->keyd.promotion = NULL;
	refuses(s, ref, "nobody has signed llama/base@");
	s->how.allow_unsigned = true;
	accepts(s, ref);
	assert_int_equal(s->keyd.trust, MSG_UNSIGNED);
	assert_int_equal(reads(s, few, &out), ERR_USAGE);
	/* One that is signed is signed all the same. */
	s->keyd.statement = s->statement;
	accepts(s, few);
	assert_int_equal(s->keyd.trust, MSG_PINNED);
	/* A vault that has a trust root does not lose it. */
	s->keyd.root_count = 0;
	s->keyd.opened = s->keyd.closed = 0;
	refuses(s, ref, "keyd shows trust root 0");
}

static void
a_vault_without_a_trust_root_has_unsigned_versions_only(void **state)
{
	struct scene *s = *state;
	char hex[DIGEST_HEX_SIZE], ref[128];
	struct chain_session out = { 0 };

	s->how.allow_unsigned = true;
	s->how.trust_count = 0;
	remove(s->pin);
	s->keyd.root_count = 0;
	s->keyd.channel = NULL;
	s->keyd.statement = s->keyd.promotion = NULL;
	snprintf(ref, sizeof(ref), "llama/base@%s",
	    digest_hex(&s->keyd.version, hex));
	accepts(s, ref);
	s->keyd.channel = "prod";
	assert_int_equal(reads(s, PROD, &out), ERR_NOT_FOUND);
	s->how.first_use = true;
	assert_int_equal(reads(s, PROD, &out), ERR_NOT_FOUND);
	s->how.allow_unsigned = false;
	assert_int_equal(reads(s, PROD, &out), ERR_NOT_FOUND);
	assert_non_null(strstr(trails_line, "weir trust init"));
}

static void
first_use_is_taken_when_told_to_and_recorded(void **state)
{
	struct scene *s = *state;
	OWNED_MEM(char) seen = NULL;
	struct chain_session out = { 0 };

	s->how.trust_count = 0;
	remove(s->pin);
	assert_int_equal(reads(s, PROD, &out), ERR_NOT_FOUND);
	assert_non_null(strstr(trails_line, "--trust FILE"));
	s->how.first_use = true;
	accepts(s, PROD);
	assert_int_equal(s->keyd.trust, MSG_FIRST_USE);
	seen = host_file(s, "seen.json");
	assert_non_null(strstr(seen, "\"how\":\"first-use\""));
	/* Once is enough; it stays what it is. */
	s->how.first_use = false;
	accepts(s, PROD);
	assert_int_equal(s->keyd.trust, MSG_FIRST_USE);
	/* Until the same root is pinned. */
	write_file(s->pin, s->roots[0]);
	accepts(s, PROD);
	assert_int_equal(s->keyd.trust, MSG_PINNED);
}

static void
roots_that_follow_are_gone_along_with(void **state)
{
	struct scene *s = *state;
	OWNED_MEM(char) seen = NULL;

	s->roots[1] = root(2, s->roots[0], 2, TWO);
	s->roots[2] = root(3, s->roots[1], 1, TWO);
	s->keyd.roots[1] = s->roots[1];
	s->keyd.roots[2] = s->roots[2];
	s->keyd.root_count = 3;
	accepts(s, PROD);
	seen = host_file(s, "seen.json");
	assert_non_null(strstr(seen, "\"root\":{\"number\":3,"));
	/* A newer one may be pinned over it, and need not be. */
	write_file(s->pin, s->roots[1]);
	accepts(s, PROD);
}

static void
a_rollback_is_a_promotion_with_a_new_serial(void **state)
{
	struct scene *s = *state;
	struct statement_fields f = promotion_fields(s, 5);
	OWNED(statement) back = NULL;

	accepts(s, PROD);
	f.act = STATEMENT_ROLLBACK;
	f.to = 3;
	back = signed_by(people_statement(&f), TWO);
	s->keyd.promotion = back;
	s->keyd.opened = s->keyd.closed = 0;
	refuses(s, PROD, "a rollback to what was never promoted there");
	s->keyd.earlier = s->promotion;
	accepts(s, PROD);
}

static void
a_channel_that_moves_meanwhile_is_looked_at_again(void **state)
{
	struct scene *s = *state;
	const struct digest other = digest_of("other", 5);

	s->keyd.opens_version = &other;
	s->keyd.opens_once = 1;
	accepts(s, PROD);
	assert_int_equal(s->keyd.opened, 2);
	assert_int_equal(s->keyd.closed, 1);
}

static void
what_nobody_signs_is_wrong_usage(void **state)
{
	struct scene *s = *state;
	struct chain_session out = { 0 };

	assert_int_equal(reads(s, "llama/base", &out), ERR_USAGE);
	assert_non_null(strstr(trails_line, "weir promote llama/base@DIGEST"));
	assert_int_equal(reads(s, "llama/base:latest", &out), ERR_USAGE);
	assert_int_equal(reads(s, "llama/base@", &out), ERR_USAGE);
	assert_int_equal(s->keyd.opened, 0);
}

/* --- a keyd that lies --- */

static void
another_version_than_the_promoted_one_is_refused(void **state)
{
	struct scene *s = *state;

	s->keyd.version = digest_of("other", 5);
	refuses(s, PROD, "made for something else");
}

static void
another_manifest_for_some_digits_is_refused(void **state)
{
	struct scene *s = *state;

	s->keyd.channel = NULL;
	s->keyd.promotion = NULL;
	refuses(s, "llama/base@01234567", "keyd answers with llama/base");
	s->how.allow_unsigned = true;
	refuses(s, "llama/base@01234567012345670123456701234567",
	    "keyd answers with llama/base");
	s->keyd.model = "llama/other";
	refuses(s, "llama/base@01234567", "keyd answers with llama/other");
}

static void
a_session_for_another_version_is_closed_and_refused(void **state)
{
	struct scene *s = *state;
	const struct digest other = digest_of("other", 5);

	s->keyd.opens_version = &other;
	refuses(s, PROD, "opens something else than what it shows");
	assert_int_equal(s->keyd.opened, 2);
	assert_string_equal(s->keyd.reason, "not what this host has accepted");
	s->keyd.opens_version = NULL;
	s->keyd.opens_model = "llama/other";
	refuses(s, PROD, "opens something else than what it shows");
}

static void
a_session_for_what_is_not_shown_is_closed(void **state)
{
	struct scene *s = *state;
	struct chain_session out = { 0 };

	s->keyd.hide = ERR_DENIED;
	s->keyd.refuse = ERR_DENIED;
	assert_int_equal(reads(s, PROD, &out), ERR_DENIED);
	s->keyd.refuse = 0;
	assert_int_equal(reads(s, PROD, &out), ERR_DENIED);
	assert_int_equal(s->keyd.opened, 1);
	assert_int_equal(s->keyd.closed, 1);
	s->keyd.hide = ERR_CONFLICT;
	s->keyd.sentence = "give more digits";
	assert_int_equal(reads(s, PROD, &out), ERR_CONFLICT);
	assert_non_null(strstr(trails_line, "give more digits"));
	assert_int_equal(s->keyd.opened, 1);
}

static void
a_promotion_that_too_few_have_signed_is_refused(void **state)
{
	struct scene *s = *state;
	struct statement_fields f = promotion_fields(s, 4);
	OWNED(statement) one = signed_by(people_statement(&f), 1U << 1);

	/* p0 put it, and may not approve it. */
	people_sign(0, one);
	s->keyd.promotion = one;
	refuses(s, PROD,
	    "the rule of trust root 1 to promote asks for 2; counted: p1; "
	    "missing: p2, p3");
	people_sign(7, one);
	refuses(s, PROD, "counted: p1; missing: p2, p3");
	people_sign(3, one);
	accepts(s, PROD);
}

static void
a_version_that_too_few_have_signed_is_refused(void **state)
{
	struct scene *s = *state;
	struct statement_fields f = people_fields(STATEMENT_VERSION);
	OWNED(statement) one = signed_by(people_statement(&f), 1U << 3);

	s->keyd.statement = one;
	refuses(s, PROD,
	    "the rule of trust root 1 to sign asks for 2; counted: p3; "
	    "missing: p0, p1, p2");
	s->keyd.statement = NULL;
	refuses(s, PROD, "nobody has signed llama/base@");
}

static void
a_forged_signature_is_refused(void **state)
{
	struct scene *s = *state;
	struct statement_fields f = promotion_fields(s, 4);
	OWNED(statement) forged = signed_by(people_statement(&f), TWO);
	struct statement_signature sig = people_signature(3, s->statement);

	assert_int_equal(statement_add(forged, &sig), 0);
	s->keyd.promotion = forged;
	refuses(s, PROD, "under the name of a key that did not sign it");
}

static void
a_statement_of_another_vault_is_refused(void **state)
{
	struct scene *s = *state;
	struct statement_fields f = promotion_fields(s, 4);
	OWNED(statement) other = NULL;

	f.vault[0] ^= 1;
	other = signed_by(people_statement(&f), TWO);
	s->keyd.promotion = other;
	refuses(s, PROD, "made for another vault");
}

static void
a_promotion_to_staging_is_none_to_prod(void **state)
{
	struct scene *s = *state;
	struct statement_fields f = promotion_fields(s, 4);
	OWNED(statement) staging = NULL;

	f.channel = "staging";
	staging = signed_by(people_statement(&f), TWO);
	s->keyd.promotion = staging;
	refuses(s, PROD, "made for something else");
	s->keyd.channel = "staging";
	refuses(s, PROD, "keyd answers with llama/base:staging");
	s->keyd.channel = "prod";
	s->keyd.promotion = NULL;
	refuses(s, PROD, "shows no promotion");
	/* Another kind of statement is none either. */
	s->keyd.promotion = s->statement;
	refuses(s, PROD, "made for something else");
}

static void
a_promotion_of_other_files_is_refused(void **state)
{
	struct scene *s = *state;
	struct statement_fields f = promotion_fields(s, 4);
	OWNED(statement) other = NULL;

	f.root = digest_of("other", 5);
	other = signed_by(people_statement(&f), TWO);
	s->keyd.promotion = other;
	refuses(s, PROD, "name different files");
}

static void
a_promotion_that_expired_or_lasts_too_long_is_refused(void **state)
{
	struct scene *s = *state;
	struct statement_fields f = promotion_fields(s, 4);
	OWNED(statement) late = NULL;
	OWNED(statement) ever = NULL;

	f.expires_ms = s->now - 1;
	late = signed_by(people_statement(&f), TWO);
	s->keyd.promotion = late;
	refuses(s, PROD, "serial 4 expired 20");
	f.expires_ms = f.time_ms + 91 * DAY;
	ever = signed_by(people_statement(&f), TWO);
	s->keyd.promotion = ever;
	refuses(s, PROD, "good for longer than the rule's days allow");
}

static void
a_revoked_version_is_refused_in_every_way(void **state)
{
	struct scene *s = *state;
	struct statement_fields f = people_fields(STATEMENT_REVOCATION);
	OWNED(statement) one = signed_by(people_statement(&f), 1U << 1);
	char hex[DIGEST_HEX_SIZE], ref[128];

	s->keyd.revocation = one;
	accepts(s, PROD); /* it takes two */
	people_sign(2, one);
	s->keyd.opened = s->keyd.closed = 0;
	refuses(s, PROD, "was revoked: poisoned");
	s->keyd.channel = NULL;
	s->how.allow_unsigned = true;
	snprintf(ref, sizeof(ref), "llama/base@%s",
	    digest_hex(&s->keyd.version, hex));
	refuses(s, ref, "was revoked: poisoned");
}

static void
what_is_not_well_formed_is_refused(void **state)
{
	struct scene *s = *state;
	struct chain_session out = { 0 };

	s->keyd.raw = "{\"model\":\"llama/base\",\"channel\":\"prod\","
		      "\"version\":\"x\",\"root\":1,\"revoked\":[]}";
	assert_int_equal(reads(s, PROD, &out), ERR_FORMAT);
	s->keyd.raw = "[";
	assert_int_equal(reads(s, PROD, &out), ERR_FORMAT);
	s->keyd.raw =
	    "{\"model\":\"llama/base\",\"channel\":\"prod\",\"version\":"
	    "\"0000000000000000000000000000000000000000000000000000000000000000"
	    "\",\"root\":1,\"revoked\":[],\"promotion\":{\"payload\":\"\"}}";
	refuses(s, PROD, "the promotion is not well-formed");
	assert_int_equal(s->keyd.opened, 0);
}

/* --- a keyd that goes back --- */

static void
a_lower_serial_is_refused(void **state)
{
	struct scene *s = *state;
	OWNED(statement) lower = promotion(s, 2);

	s->keyd.promotion = lower;
	refuses_after_all_was_well(s, PROD,
	    "keyd shows serial 2, and this host has seen serial 3");
	/* The control: it is this check that refuses it. */
	forgetful = true;
	accepts(s, PROD);
}

static void
an_equal_serial_with_another_promotion_is_refused(void **state)
{
	struct scene *s = *state;
	struct statement_fields f = promotion_fields(s, 3);
	OWNED(statement) other = NULL;

	f.reason = "another one";
	other = signed_by(people_statement(&f), TWO);
	s->keyd.promotion = other;
	refuses_after_all_was_well(s, PROD,
	    "keyd shows another promotion with serial 3");
	forgetful = true;
	accepts(s, PROD);
}

static void
an_older_trust_root_is_refused(void **state)
{
	struct scene *s = *state;

	s->roots[1] = root(2, s->roots[0], 2, TWO);
	s->keyd.roots[1] = s->roots[1];
	s->keyd.root_count = 2;
	accepts(s, PROD);
	s->keyd.opened = s->keyd.closed = 0;
	s->keyd.root_count = 1;
	refuses(s, PROD, "keyd shows trust root 1, older than trust root 2");
	s->how.trust_count = 0;
	remove(s->pin);
	refuses(s, PROD, "this host goes by trust root 2 already");
	s->keyd.newest = 2;
	s->keyd.root = 1;
	refuses(s, PROD, "keyd goes by trust root 1, this host by 2");
	s->keyd.newest = 3;
	refuses(s, PROD, "does not show what follows root 2");
}

static void
another_trust_root_of_the_same_number_is_refused(void **state)
{
	struct scene *s = *state;

	s->roots[1] = root(1, NULL, 1, TWO);
	s->roots[2] = root(2, s->roots[1], 1, TWO);
	s->keyd.roots[0] = s->roots[1];
	s->keyd.roots[1] = s->roots[2];
	s->keyd.root_count = 2;
	refuses(s, PROD, "a trust root that follows another one");
	s->how.trust_count = 0;
	s->how.first_use = true;
	remove(s->pin);
	accepts(s, PROD);
	s->keyd.opened = s->keyd.closed = 0;
	/* The one that is pinned afterwards is not what was taken. */
	write_file(s->pin, s->roots[0]);
	s->keyd.roots[0] = s->roots[0];
	refuses(s, PROD, "follows another one");
	s->keyd.root_count = 1;
	refuses(s, PROD, "older than trust root 2");
}

static void
a_trust_root_that_too_few_have_signed_is_refused(void **state)
{
	struct scene *s = *state;

	s->roots[1] = root(2, s->roots[0], 1, 1U << 2);
	s->keyd.roots[1] = s->roots[1];
	s->keyd.root_count = 2;
	refuses(s, PROD,
	    "the rule of trust root 1 to root asks for 2; counted: p2");
	s->roots[2] = root(1, NULL, 2, 1U << 2);
	s->keyd.roots[0] = s->roots[2];
	s->keyd.root_count = 1;
	s->how.trust_count = 0;
	s->how.first_use = true;
	remove(s->pin);
	refuses(s, PROD, "counted: p2; missing: p0, p1, p3");
	/* Nor do strangers count. */
	people_sign(7, s->roots[2]);
	refuses(s, PROD, "counted: p2; missing: p0, p1, p3");
}

static void
another_vault_than_the_pinned_one_is_refused(void **state)
{
	struct scene *s = *state;
	OWNED_MEM(char) noted = NULL;
	struct chain_session out = { 0 };
	char path[300], *text;
	struct stat st;

	s->keyd.peer.vault[0] = 9;
	assert_int_equal(reads(s, PROD, &out), ERR_INTEGRITY);
	assert_non_null(strstr(trails_line, "a trust root of another one"));
	snprintf(path, sizeof(path),
	    "%s/0902030405060708090a0b0c0d0e0f10/refused", s->host.path);
	assert_int_equal(stat(path, &st), 0);
	/* One of the directory is passed over: it is of any vault. */
	s->how.trust_count = 0;
	assert_int_equal(reads(s, PROD, &out), ERR_NOT_FOUND);
	/* And keyd's own root is of the vault that it says it is. */
	s->how.first_use = true;
	assert_int_equal(reads(s, PROD, &out), ERR_INTEGRITY);
	text = strstr(trails_line, "made for another vault");
	assert_non_null(text);
}

static void
files_that_are_no_trust_root_are_told(void **state)
{
	struct scene *s = *state;
	struct chain_session out = { 0 };

	write_file(s->pin, s->statement);
	assert_int_equal(reads(s, PROD, &out), ERR_FORMAT);
	assert_non_null(strstr(trails_line, "it is a version statement"));
	s->pins[0] = "/nowhere/root.json";
	assert_int_equal(reads(s, PROD, &out), ERR_NOT_FOUND);
	assert_non_null(strstr(trails_line, "'/nowhere/root.json'"));
	/* In the directory it is passed over, and said. */
	s->how.trust_count = 0;
	assert_int_equal(reads(s, PROD, &out), ERR_NOT_FOUND);
}

/* --- the trail --- */

static void
a_trail_that_grew_is_accepted(void **state)
{
	struct scene *s = *state;
	OWNED_MEM(char) seen = NULL;

	accepts(s, PROD);
	assert_int_equal(trails_open(&s->trails, 0), 0);
	assert_int_equal(trails_add(&s->trails, 700), 0);
	trails_close(&s->trails);
	accepts(s, PROD);
	seen = host_file(s, "seen.json");
	assert_non_null(strstr(seen, "weir.example/audit\\n700\\n"));
}

static void
a_trail_that_was_cut_is_refused(void **state)
{
	struct scene *s = *state;
	struct trails shorter = trails_new();

	assert_int_equal(trails_open(&shorter, 0), 0);
	assert_int_equal(trails_add(&shorter, 299), 0);
	trails_close(&shorter);
	s->keyd.trails = &shorter;
	refuses_after_all_was_well(s, PROD,
	    "the trail has 299 entries, and this host has seen 300");
	trails_free(&shorter);
}

/* Signed by the log's own key, and longer. */
static void
a_trail_that_was_rewritten_is_refused(void **state)
{
	struct scene *s = *state;
	struct trails forked = trails_new();
	uint64_t index;

	assert_int_equal(trails_open(&forked, 0), 0);
	assert_int_equal(trails_add(&forked, 100), 0);
	assert_int_equal(trail_append(forked.trail, "other", 5, &index), 0);
	for (int i = 0; i < 300; i++)
		assert_int_equal(trail_append(forked.trail, "other", 5,
				     &index),
		    0);
	trails_close(&forked);
	s->keyd.trails = &forked;
	refuses_after_all_was_well(s, PROD, "it was rewritten");
	trails_free(&forked);
}

static void
a_trail_with_another_key_is_refused(void **state)
{
	static const uint8_t seed[KEY_SIZE] = { 1, 2, 3 };
	struct scene *s = *state;
	OWNED(sign_key) other = NULL;
	OWNED_MEM(char) policy = people_policy(4, 2);
	OWNED_MEM(char) ours = note_key_text(&s->trails.key);
	OWNED_MEM(char) theirs = NULL;
	OWNED_MEM(char) edited = NULL;
	struct note_key key;

	assert_int_equal(sign_key_from(&other, seed), 0);
	assert_int_equal(note_key_of(&key, TRAILS_ORIGIN, other), 0);
	theirs = note_key_text(&key);
	edited = people_edit(policy, ours, theirs);
	s->roots[1] = signed_by(people_root(edited, 1, NULL), TWO);
	write_file(s->pin, s->roots[1]);
	s->keyd.roots[0] = s->roots[1];
	refuses(s, PROD, "is not signed by the key that trust root 1 names");
}

/* --- how long it takes --- */

static void
it_takes_milliseconds(void **state)
{
	struct scene *s = *state;
	struct timespec a, b;
	double best = 1e9;

	for (int i = 0; i < 20; i++) {
		double ms;

		clock_gettime(CLOCK_MONOTONIC, &a);
		accepts(s, PROD);
		clock_gettime(CLOCK_MONOTONIC, &b);
		ms = (double)(b.tv_sec - a.tv_sec) * 1e3 +
		    (double)(b.tv_nsec - a.tv_nsec) / 1e6;
		best = ms < best ? ms : best;
	}
	print_message("# chain check: %.2f ms, the disk's sync included\n",
	    best);
	assert_true(best < 1000);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_promoted_version_is_accepted_and_remembered),
		TEST(a_signed_version_is_accepted_by_its_digits),
		TEST(an_unsigned_version_is_accepted_when_told_to),
		TEST(a_vault_without_a_trust_root_has_unsigned_versions_only),
		TEST(first_use_is_taken_when_told_to_and_recorded),
		TEST(roots_that_follow_are_gone_along_with),
		TEST(a_rollback_is_a_promotion_with_a_new_serial),
		TEST(a_channel_that_moves_meanwhile_is_looked_at_again),
		TEST(what_nobody_signs_is_wrong_usage),
		TEST(another_version_than_the_promoted_one_is_refused),
		TEST(another_manifest_for_some_digits_is_refused),
		TEST(a_session_for_another_version_is_closed_and_refused),
		TEST(a_session_for_what_is_not_shown_is_closed),
		TEST(a_promotion_that_too_few_have_signed_is_refused),
		TEST(a_version_that_too_few_have_signed_is_refused),
		TEST(a_forged_signature_is_refused),
		TEST(a_statement_of_another_vault_is_refused),
		TEST(a_promotion_to_staging_is_none_to_prod),
		TEST(a_promotion_of_other_files_is_refused),
		TEST(a_promotion_that_expired_or_lasts_too_long_is_refused),
		TEST(a_revoked_version_is_refused_in_every_way),
		TEST(what_is_not_well_formed_is_refused),
		TEST(a_lower_serial_is_refused),
		TEST(an_equal_serial_with_another_promotion_is_refused),
		TEST(an_older_trust_root_is_refused),
		TEST(another_trust_root_of_the_same_number_is_refused),
		TEST(a_trust_root_that_too_few_have_signed_is_refused),
		TEST(another_vault_than_the_pinned_one_is_refused),
		TEST(files_that_are_no_trust_root_are_told),
		TEST(a_trail_that_grew_is_accepted),
		TEST(a_trail_that_was_cut_is_refused),
		TEST(a_trail_that_was_rewritten_is_refused),
		TEST(a_trail_with_another_key_is_refused),
		TEST(it_takes_milliseconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
