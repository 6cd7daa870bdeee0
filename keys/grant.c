/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/grant.h"

#include <string.h>

#include "vault/err.h"

#define BROWSE_READAHEAD_KB 128
#define LOAD_READAHEAD_KB 16384

const char *
grant_wrong(const struct msg_grant_add *m, int64_t now_ms)
{
	if (!ref_name_ok(m->model))
		return "a grant is for a model: NAME, NAME:CHANNEL or "
		       "NAME@DIGEST";
	if (*m->channel != '\0' && *m->version != '\0')
		return "a grant is for a channel or for a version, not both";
	if (*m->channel != '\0' && !ref_channel_ok(m->channel))
		return "the channel's name is not well-formed";
	if (strlen(m->version) > 64)
		return "a version is 8 to 64 hex digits";
	if (!ref_principal_ok(m->to))
		return "a grant is to user:NAME";
	if (m->type == MSG_GRANT_LOAD && m->loads == 0)
		return "a load grant states how many loads: --loads N, or "
		       "--browse";
	if (m->type == MSG_GRANT_BROWSE && (m->loads != 0 || m->per_day))
		return "a browse grant has no loads";
	if (m->until_ms != 0 && m->until_ms <= now_ms)
		return "the grant would have ended already: --until lies in "
		       "the past";
	if (*m->reason == '\0')
		return "a grant has a reason: --reason TEXT";
	if (strlen(m->reason) > GRANT_REASON_MAX)
		return "the reason is longer than 1,024 bytes";
	return NULL;
}

bool
grant_covers(const struct grant *g, const struct grant_want *want)
{
	if (strcmp(g->model, want->model) != 0)
		return false;
	if (*g->channel != '\0')
		return strcmp(g->channel, want->channel) == 0;
	if (*g->version != '\0')
		return strcmp(g->version, want->version) == 0;
	return true;
}

bool
grant_expired(const struct grant *g, int64_t now_ms)
{
	return g->until_ms != 0 && g->until_ms <= now_ms;
}

static bool
lasts_longer(const struct grant *a, const struct grant *b)
{
	if (a->until_ms == 0 || b->until_ms == 0)
		return a->until_ms == 0 && b->until_ms != 0;
	return a->until_ms > b->until_ms;
}

static bool
better(const struct grant *a, const struct grant *b)
{
	if (b == NULL)
		return true;
	if (a->type != b->type)
		return a->type == MSG_GRANT_LOAD;
	return lasts_longer(a, b);
}

enum grant_answer
grant_choose(const struct grant *grants, size_t n,
    const struct grant_want *want, const struct grant **out)
{
	enum grant_answer answer = GRANT_NONE;
	const struct grant *best = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct grant *g = &grants[i];

		if (!grant_covers(g, want))
			continue;
		if (grant_expired(g, want->now_ms)) {
			if (answer == GRANT_NONE)
				answer = GRANT_EXPIRED;
		} else if (want->export && !g->export) {
			answer = GRANT_NO_EXPORT;
		} else if (better(g, best)) {
			best = g;
		}
	}
	if (best == NULL)
		return answer;
	*out = best;
	return GRANT_OK;
}

uint32_t
grant_window(enum msg_grant_type type)
{
	return type == MSG_GRANT_LOAD ? MSG_WINDOW_MAX : 1;
}

uint32_t
grant_readahead_kb(enum msg_grant_type type)
{
	return type == MSG_GRANT_LOAD ? LOAD_READAHEAD_KB : BROWSE_READAHEAD_KB;
}

const char *
grant_type_name(enum msg_grant_type type)
{
	return type == MSG_GRANT_LOAD ? "load" : "browse";
}

int
grant_type_parse(enum msg_grant_type *out, const char *name)
{
	if (strcmp(name, "load") == 0)
		*out = MSG_GRANT_LOAD;
	else if (strcmp(name, "browse") == 0)
		*out = MSG_GRANT_BROWSE;
	else
		return ERR_FORMAT;
	return 0;
}
