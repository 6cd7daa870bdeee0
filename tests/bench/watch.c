/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many entries a second the watch takes:
 *	watch SESSIONS EVENTS
 * Half of the sessions load, half browse; of ten entries one tells of extents,
 * the others are releases.  Prints the rates of the watch alone, of entries as
 * JSON made into events by the parser and by the scanner, and of scanner and
 * watch together, by the second of one processor.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/watch.h"
#include "keys/watch_rules.h"
#include "vault/clock.h"
#include "vault/entry.h"

#define WEIGHTS UINT64_C(810000000000)
#define CHUNK (UINT64_C(4) << 20)
#define MODELS 64
#define ENTRY_ROOM 1024
#define WRITTEN 500000 /* entries, at most */

struct bench {
	struct watch *watch;
	uint64_t sessions;
	uint64_t index;
	uint64_t alerts;
	struct digest versions[MODELS];
};

static int
count(void *arg, const struct watch_alert *a)
{
	struct bench *b = arg;

	(void)a;
	b->alerts++;
	return 0;
}

static void
must(int err)
{
	if (err == 0)
		return;
	fprintf(stderr, "watch: failed (%d)\n", err);
	exit(1);
}

static void
tell(struct bench *b, struct watch_event *e)
{
	must(watch_feed(b->watch, e, count, b));
}

static enum msg_grant_type
type_of(uint64_t session)
{
	return session % 2 == 0 ? MSG_GRANT_LOAD : MSG_GRANT_BROWSE;
}

static void
begin(struct bench *b)
{
	char model[16], who[24];

	for (unsigned int m = 0; m < MODELS; m++) {
		struct watch_event e = { .index = b->index++,
			.kind = ENTRY_PUT,
			.by = "user:up",
			.model = model,
			.total = WEIGHTS };

		snprintf(model, sizeof(model), "m%u", m);
		b->versions[m] = digest_of(&m, sizeof(m));
		e.version = b->versions[m];
		tell(b, &e);
	}
	for (uint64_t s = 1; s <= b->sessions; s++) {
		struct watch_event e = { .index = b->index++,
			.kind = ENTRY_SESSION_OPEN,
			.by = who,
			.principal = who,
			.session = s,
			.model = model,
			.channel = "prod",
			.host = "node",
			.version = b->versions[s % MODELS],
			.type = type_of(s) };

		snprintf(model, sizeof(model), "m%u",
		    (unsigned int)(s % MODELS));
		snprintf(who, sizeof(who), "user:u%" PRIu64, s);
		tell(b, &e);
	}
}

/* The i-th entry: sessions take turns, each reads on where it was. */
static struct watch_event
event(const struct bench *b, uint64_t i)
{
	uint64_t s = i % b->sessions + 1, row = i / b->sessions;
	struct watch_event e = { .index = b->index + i,
		.kind = i % 10 == 9 ? ENTRY_EXTENTS : ENTRY_RELEASE,
		.time_ms = INT64_C(1790000000000) + (int64_t)i,
		.clock = 1000000 + i / 1000,
		.by = "user:any",
		.uid = 1000,
		.session = s,
		.version = b->versions[s % MODELS],
		.file = 1,
		.first = row,
		.count = 1,
		.bytes = CHUNK,
		.weights = CHUNK,
		.fresh = CHUNK,
		.read_bytes = CHUNK,
		.readers = { 1000 },
		.reader_count = 1 };

	return e;
}

static void
write_extents(struct entry *t, const struct watch_event *e)
{
	entry_open_list(t, "reads");
	for (uint64_t k = 0; k < 4; k++) {
		entry_open_list(t, NULL);
		entry_number(t, NULL, 1);
		entry_number(t, NULL, (e->first + k) * CHUNK);
		entry_number(t, NULL, CHUNK);
		entry_number(t, NULL, 1000);
		entry_number(t, NULL, 4711);
		entry_text(t, NULL, "/usr/bin/python3.11");
		entry_close(t);
	}
	entry_close(t);
}

static size_t
entry_of(const struct watch_event *e, uint8_t *out, size_t size)
{
	const struct entry_actor by = { e->by, e->uid };
	OWNED_ENTRY t = { 0 };
	const uint8_t *bytes;
	size_t n;

	entry_begin(&t, e->kind, &by, e->time_ms);
	entry_number(&t, "session", e->session);
	entry_digest(&t, "version", &e->version);
	if (e->kind == ENTRY_EXTENTS)
		write_extents(&t, e);
	else {
		entry_number(&t, "file", e->file);
		entry_number(&t, "first", e->first);
		entry_number(&t, "count", e->count);
		entry_number(&t, "bytes", e->bytes);
		entry_number(&t, "grant", 1);
		entry_number(&t, "clock", e->clock);
		entry_number(&t, "weights", e->weights);
		entry_number(&t, "fresh", e->fresh);
		entry_number(&t, "used", e->used_ppm);
	}
	must(entry_end(&t, &bytes, &n));
	must(n <= size ? 0 : -1);
	memcpy(out, bytes, n);
	return n;
}

/* Entries written beforehand, one behind another. */
struct kept {
	uint8_t *bytes;
	size_t *ends; /* of each */
	uint64_t count;
};

static struct kept
write_all(const struct bench *b, uint64_t from, uint64_t count)
{
	struct kept k = { .count = count };
	size_t at = 0;

	k.bytes = malloc(count * ENTRY_ROOM);
	k.ends = calloc(count, sizeof(*k.ends));
	if (k.bytes == NULL || k.ends == NULL)
		exit(1);
	for (uint64_t i = 0; i < count; i++) {
		struct watch_event e = event(b, from + i);

		at += entry_of(&e, k.bytes + at, ENTRY_ROOM);
		k.ends[i] = at;
	}
	return k;
}

enum way { PARSED, SCANNED, FED };

static void
take(struct bench *b, uint64_t i, const uint8_t *bytes, size_t n, enum way way)
{
	char by[WATCH_SCAN_BY];
	struct entry_view v;
	struct watch_event e;

	if (way == PARSED) {
		must(entry_parse(&v, bytes, n));
		watch_event_of(&e, b->index + i, &v);
		entry_view_clear(&v);
		return;
	}
	must(watch_scan(&e, b->index + i, bytes, n, by) ? 0 : -1);
	if (way == FED)
		tell(b, &e);
}

static void
time_json(struct bench *b, const struct kept *k, uint64_t from, enum way way)
{
	static const char *const names[] = { "JSON parsed", "JSON scanned",
		"JSON scanned, and the watch" };
	double began = clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
	size_t at = 0;

	for (uint64_t i = 0; i < k->count; i++) {
		take(b, from + i, k->bytes + at, k->ends[i] - at, way);
		at = k->ends[i];
	}
	printf("%s: %.2f million a second\n", names[way],
	    (double)k->count /
		(clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - began) / 1e6);
}

int
main(int argc, char **argv)
{
	struct watch_rules rules;
	struct bench b = { 0 };
	struct kept kept;
	uint64_t events;
	double began;

	if (argc != 3) {
		fprintf(stderr, "usage: watch SESSIONS EVENTS\n");
		return 2;
	}
	b.sessions = strtoull(argv[1], NULL, 10);
	events = strtoull(argv[2], NULL, 10);
	if (b.sessions == 0 || events == 0)
		return 2;
	watch_rules_default(&rules);
	must(watch_new(&b.watch, &rules));
	begin(&b);

	began = clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
	for (uint64_t i = 0; i < events; i++) {
		struct watch_event e = event(&b, i);

		tell(&b, &e);
	}
	printf("watch alone: %.2f million a second\n",
	    (double)events / (clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - began) /
		1e6);
	kept = write_all(&b, events, events < WRITTEN ? events : WRITTEN);
	time_json(&b, &kept, events, PARSED);
	time_json(&b, &kept, events, SCANNED);
	time_json(&b, &kept, events, FED);
	free(kept.bytes);
	free(kept.ends);
	printf("%" PRIu64 " alerts\n", b.alerts);
	watch_free(b.watch);
	return 0;
}
