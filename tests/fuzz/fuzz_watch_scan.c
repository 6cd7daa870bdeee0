/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "keys/watch.h"
#include "tests/fuzz/fuzz.h"

static bool
same(const struct watch_event *a, const struct watch_event *b)
{
	return a->kind == b->kind && a->time_ms == b->time_ms &&
	    a->clock == b->clock && strcmp(a->by, b->by) == 0 &&
	    digest_equal(&a->version, &b->version) &&
	    a->session == b->session && a->grant == b->grant &&
	    a->file == b->file && a->first == b->first &&
	    a->count == b->count && a->bytes == b->bytes &&
	    a->weights == b->weights && a->fresh == b->fresh &&
	    a->used_ppm == b->used_ppm && a->pool_ppm == b->pool_ppm &&
	    a->read_bytes == b->read_bytes &&
	    a->reader_count == b->reader_count &&
	    memcmp(a->readers, b->readers, sizeof(a->readers)) == 0 &&
	    a->uid == b->uid;
}

/* What is scanned is what the parser makes of it. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct watch_event scanned, parsed;
	char by[WATCH_SCAN_BY];
	struct entry_view v;

	if (!watch_scan(&scanned, 7, bytes, n, by))
		return 0;
	if (entry_parse(&v, bytes, n) != 0)
		abort();
	watch_event_of(&parsed, 7, &v);
	if (!same(&scanned, &parsed))
		abort();
	entry_view_clear(&v);
	return 0;
}
