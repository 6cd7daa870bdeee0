/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/chain_scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/lib/test.h"
#include "vault/err.h"

static int64_t
clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000;
}

struct statement *
chain_scene_sign(struct statement *s, unsigned int who)
{
	for (unsigned int i = 0; i < 8; i++)
		if ((who >> i & 1) != 0)
			people_sign(i, s);
	return s;
}

struct statement_fields
chain_scene_fields(const struct chain_scene *s, uint64_t serial)
{
	struct statement_fields f = people_fields(STATEMENT_PROMOTION);

	f.serial = serial;
	f.time_ms = s->now - DAY;
	f.expires_ms = s->now + 30 * DAY;
	return f;
}

struct statement *
chain_scene_promotion(const struct chain_scene *s, uint64_t serial)
{
	struct statement_fields f = chain_scene_fields(s, serial);

	return chain_scene_sign(people_statement(&f), TWO);
}

struct statement *
chain_scene_root(uint64_t n, const struct statement *previous,
    unsigned int threshold, unsigned int who)
{
	OWNED_MEM(char) policy = people_policy(4, threshold);

	return chain_scene_sign(people_root(policy, n, previous), who);
}

void
chain_scene_write(const char *path, const struct statement *s)
{
	char *text;
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(statement_envelope(s, &text), 0);
	assert_true(fprintf(f, "%s\n", text) > 0);
	assert_int_equal(fclose(f), 0);
	free(text);
}

int
chain_scene_new(void **state)
{
	static const uint8_t vault[] = PEOPLE_VAULT;
	struct chain_scene *s = calloc(1, sizeof(*s));
	struct statement_fields f = people_fields(STATEMENT_VERSION);

	assert_non_null(s);
	s->now = clock_ms();
	s->host = scratch_new();
	s->trails = trails_new();
	assert_int_equal(trails_open(&s->trails, 0), 0);
	assert_int_equal(trails_add(&s->trails, 300), 0);
	trails_close(&s->trails);
	s->roots[0] = chain_scene_root(1, NULL, 2, TWO);
	s->statement = chain_scene_sign(people_statement(&f), TWO);
	s->promotion = chain_scene_promotion(s, 3);
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
	chain_scene_write(s->pin, s->roots[0]);
	s->pins[0] = s->pin;
	s->how.trust_files = s->pins;
	s->how.trust_count = 1;
	s->how.directory = s->host.path;
	setenv("WEIR_STATE_DIR", s->host.path, 1);
	*state = s;
	return 0;
}

int
chain_scene_free(void **state)
{
	struct chain_scene *s = *state;

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
char *
chain_scene_file(const struct chain_scene *s, const char *name)
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

int
chain_scene_reads(struct chain_scene *s, const char *ref,
    struct chain_session *out)
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

void
chain_scene_accepts(struct chain_scene *s, const char *ref)
{
	struct chain_session out = { 0 };
	int err = chain_scene_reads(s, ref, &out);

	if (err != 0)
		fail_msg("%s: %d: %s", ref, err, trails_line);
	chain_session_clear(&out);
}

void
chain_scene_refuses_new(struct chain_scene *s, const char *ref,
    const char *reason)
{
	struct chain_session out = { 0 };
	OWNED_MEM(char) noted = NULL;
	const char *last;
	int err = chain_scene_reads(s, ref, &out);

	if (err == 0)
		chain_session_clear(&out);
	if (err != ERR_INTEGRITY || strstr(trails_line, reason) == NULL)
		fail_msg("wanted '%s', not %d: %s", reason, err, trails_line);
	assert_int_equal(s->keyd.opened, s->keyd.closed);
	noted = chain_scene_file(s, "refused");
	assert_true(strlen(noted) > 0);
	noted[strlen(noted) - 1] = '\0';
	last = strrchr(noted, '\n');
	if (strstr(last != NULL ? last : noted, reason) == NULL)
		fail_msg("noted: %s", last != NULL ? last : noted);
}

/* With this reason, which is noted; what was seen stays. */
void
chain_scene_refuses(struct chain_scene *s, const char *ref, const char *reason)
{
	OWNED_MEM(char) before = chain_scene_file(s, "seen.json");
	OWNED_MEM(char) after = NULL;

	chain_scene_refuses_new(s, ref, reason);
	after = chain_scene_file(s, "seen.json");
	assert_string_equal(before, after);
}

/* As refuses, for a host that has read what is sound. */
void
chain_scene_refuses_after(struct chain_scene *s, const char *ref,
    const char *reason)
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
	chain_scene_accepts(s, PROD);
	s->keyd = lies;
	s->keyd.opened = s->keyd.closed = 0;
	chain_scene_refuses(s, ref, reason);
}
