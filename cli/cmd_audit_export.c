/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/audit.h"
#include "cli/cmd.h"
#include "cli/ocsf.h"
#include "cli/out.h"
#include "cli/story.h"
#include "vault/entry.h"
#include "vault/err.h"
#include "vault/file.h"
#include "vault/log.h"

#define STATE_MAX 32

struct export
{
	const struct options *o;
	bool ocsf;
	uint64_t from;
	uint64_t next; /* behind the last entry that was told */
	uint64_t events;
	struct story *story;
	struct ocsf *events_of; /* NULL: entries as they are */
};

static int
emit(void *arg, const json_t *event)
{
	struct export *x = arg;

	x->events++;
	return out_json(event);
}

static int
tell(struct export *x, uint64_t index, const uint8_t *bytes, size_t n,
    const struct entry_view *v)
{
	const struct ocsf_entry e = { index, bytes, n, v };
	OWNED_JSON j = NULL;
	int r;

	if (x->events_of != NULL)
		return ocsf_tell(x->events_of, &e, emit, x);
	if ((r = story_json(x->story, index, v, &j)) != 0)
		return r;
	return emit(x, j);
}

/* All that comes before may give an entry its names. */
static int
each(void *arg, uint64_t index, const uint8_t *bytes, size_t n)
{
	struct export *x = arg;
	struct entry_view v;
	int r;

	if (entry_parse(&v, bytes, n) != 0)
		return log_err(ERR_FORMAT,
		    "entry %ju of the trail cannot be understood; is it from a "
		    "newer weir?",
		    (uintmax_t)index);
	r = story_learn(x->story, &v);
	if (r == 0 && x->events_of != NULL)
		r = ocsf_learn(x->events_of, index, &v);
	if (r == 0 && index >= x->from) {
		r = tell(x, index, bytes, n, &v);
		x->next = index + 1;
	}
	entry_view_clear(&v);
	return r;
}

/* --- where it went on --- */

static int
read_state(struct export *x, const char *path)
{
	OWNED_MEM(uint8_t) text = NULL;
	char *end;
	size_t n;
	int r;

	if (access(path, F_OK) != 0)
		return 0; /* the first time */
	if ((r = file_load(NULL, path, STATE_MAX, &text, &n)) != 0)
		return r;
	x->from = strtoull((const char *)text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || strcmp(end, "\n") != 0)
		return log_err(ERR_FORMAT,
		    "'%s' is no state of an export: a number and a line's end",
		    path);
	return 0;
}

/* What was written is out before it is said to be. */
static int
write_state(const struct export *x, const char *path)
{
	OWNED_MEM(char) temporary = NULL;
	FILE *f;
	bool ok;

	if (asprintf(&temporary, "%s.new", path) < 0) {
		temporary = NULL;
		return ERR_NOMEM;
	}
	if ((f = fopen(temporary, "we")) == NULL)
		return log_sys("write '%s'", temporary);
	ok = fprintf(f, "%" PRIu64 "\n", x->next) > 0 && fflush(f) == 0 &&
	    fsync(fileno(f)) == 0;
	ok = fclose(f) == 0 && ok;
	if (!ok || rename(temporary, path) != 0)
		return log_sys("write '%s'", path);
	return 0;
}

/* --- the command --- */

static int
go(struct export *x, const struct audit *a, const char *state)
{
	char host[256] = "", id[VAULTDIR_ID_SIZE], count[OUT_COUNT];
	OWNED(trail_reader) past = NULL;
	OWNED(story) story = NULL;
	OWNED(ocsf) ocsf = NULL;
	struct ocsf_how how = { .origin = a->vault->key.name, .host = host };
	int r;

	if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0')
		snprintf(host, sizeof(host), "localhost");
	if ((r = story_new(&story, a->client, a->store)) != 0)
		return r;
	x->story = how.story = story;
	how.vault = vaultdir_id(a->vault, id);
	if (x->ocsf) {
		r = trail_reader_open(&past, a->vault->dir, &a->vault->key);
		how.past = past;
		if (r != 0 || (r = ocsf_new(&ocsf, &how)) != 0)
			return r;
	}
	x->events_of = ocsf;
	x->next = x->from;
	if ((r = trail_reader_stream(a->reader, 0, UINT64_MAX, each, x)) != 0)
		return r;
	if (story_unnamed(story) > 0)
		log_warn("the files of %s have numbers instead of names",
		    out_count(story_unnamed(story), "version", count));
	if ((r = out_flush()) != 0)
		return r;
	if (state != NULL && (r = write_state(x, state)) != 0)
		return r;
	if (!x->o->quiet)
		log_info("%s; next: weir audit export --from %ju",
		    out_count(x->events, x->ocsf ? "event" : "line", count),
		    (uintmax_t)x->next);
	return 0;
}

int
cmd_audit_export(struct options *o, int argc, char **argv)
{
	const char *format = NULL, *from = NULL, *state = NULL;
	struct export x = { .o = o };
	bool offline = false;
	const struct options_own own[] = {
		{ "format", 0, OPTIONS_TEXT, &format },
		{ "from", 0, OPTIONS_TEXT, &from },
		{ "state", 0, OPTIONS_TEXT, &state },
		{ "offline", 0, OPTIONS_FLAG, &offline },
		OPTIONS_END,
	};
	struct options_operands none;
	OWNED(audit) a = NULL;
	int r;

	if ((r = options_parse(o, own, argc, argv, &none)) != 0)
		return r;
	if (format == NULL ||
	    (strcmp(format, "ocsf") != 0 && strcmp(format, "jsonl") != 0))
		return options_wrong(o, "--format is ocsf or jsonl");
	if (from != NULL && state != NULL)
		return options_wrong(o, "--from and --state are one too many");
	x.ocsf = strcmp(format, "ocsf") == 0;
	if (from != NULL &&
	    (r = options_number(o, "--from", from, INT64_MAX, &x.from)) != 0)
		return r;
	if (state != NULL && (r = read_state(&x, state)) != 0)
		return r;
	if ((r = audit_open(&a, o, offline)) == 0)
		r = go(&x, a, state);
	return audit_end(a, r);
}
