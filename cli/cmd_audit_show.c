/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cli/audit.h"
#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/story.h"
#include "vault/entry.h"
#include "vault/err.h"
#include "vault/log.h"

struct show {
	const struct options *o;
	struct story *story;
	uint64_t index;
	bool found;
};

static int
print_entry(const struct show *s, const struct entry_view *v)
{
	OWNED_JSON j = NULL;
	OWNED_MEM(char) text = NULL;
	OWNED_MEM(char) what = NULL;
	int r;

	if ((r = story_json(s->story, s->index, v, &j)) != 0)
		return r;
	if (s->o->json)
		return out_json(j);

	if ((r = story_tell(s->story, v, &what)) != 0)
		return r;
	out_line("%s", what);
	/* Escaped to ASCII: nothing in it can steer a terminal. */
	text = json_dumps(j, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	if (text == NULL)
		return ERR_NOMEM;
	printf("%s\n", text);
	return 0;
}

/* All that comes before may give the entry its names. */
static int
each(void *arg, uint64_t index, const uint8_t *entry, size_t n)
{
	struct show *s = arg;
	struct entry_view v;
	int r;

	if (entry_parse(&v, entry, n) != 0)
		return log_err(ERR_FORMAT,
		    "entry %llu of the trail cannot be understood",
		    (unsigned long long)index);
	r = story_learn(s->story, &v);
	if (r == 0 && index == s->index) {
		s->found = true;
		r = print_entry(s, &v);
	}
	entry_view_clear(&v);
	return r;
}

int
cmd_audit_show(struct options *o, int argc, char **argv)
{
	struct show s = { .o = o };
	bool offline = false;
	const struct options_own own[] = {
		{ "offline", 0, OPTIONS_FLAG, &offline },
		OPTIONS_END,
	};
	struct options_operands operands;
	OWNED(audit) a = NULL;
	OWNED(story) story = NULL;
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0 ||
	    (r = options_number(o, "INDEX", operands.items[0], INT64_MAX - 1,
		 &s.index)) != 0 ||
	    (r = audit_open(&a, o, offline)) != 0 ||
	    (r = story_new(&story, a->client, a->store)) != 0)
		return audit_end(a, r);
	s.story = story;
	r = trail_reader_each(a->reader, 0, s.index + 1, each, &s);
	if (r == 0 && !s.found && !a->changed)
		return log_err(ERR_NOT_FOUND,
		    "the trail has no entry %llu: it has %llu",
		    (unsigned long long)s.index,
		    (unsigned long long)trail_reader_checkpoint(a->reader)
			->size);
	return audit_end(a, r);
}
