/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/audit.h"
#include "cli/cmd.h"
#include "cli/index.h"
#include "cli/ocsf.h"
#include "cli/out.h"
#include "cli/story.h"
#include "vault/entry.h"
#include "vault/err.h"
#include "vault/file.h"
#include "vault/log.h"

#define STATE_MAX 32
#define LACKS 1 /* the index left out what an entry gets its names from */

struct export
{
	const struct options *o;
	bool ocsf;
	bool by_index; /* of what is before from, what it names was read */
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

static int
learn(struct export *x, const struct entry_view *v)
{
	int r = story_learn(x->story, v);

	if (r == 0 && x->events_of != NULL)
		r = ocsf_learn(x->events_of, v);
	return r;
}

static bool
lacks(const struct export *x, const struct entry_view *v)
{
	return story_lacks(x->story, v) ||
	    (x->events_of != NULL && ocsf_lacks(x->events_of, v));
}

/* Any that comes before may give an entry its names. */
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
	r = learn(x, &v);
	if (r == 0 && index >= x->from) {
		r = x->by_index && lacks(x, &v) ? LACKS :
						  tell(x, index, bytes, n, &v);
		if (r == 0)
			x->next = index + 1;
	}
	entry_view_clear(&v);
	return r;
}

/* --- from where on the trail is read --- */

/* What is before from, as far as it is needed. */
static int
by_index(struct export *x, struct audit *a)
{
	OWNED(index) index = NULL;
	int r = index_open(&index, a);

	if (r != 0 || index == NULL)
		return r;
	x->by_index = true;
	return index_before(index, x->from, each, x);
}

static int
read_trail(struct export *x, struct audit *a)
{
	int r = x->from > 0 ? by_index(x, a) : 0;

	if (r == 0)
		r = trail_reader_stream(a->reader, x->by_index ? x->from : 0,
		    UINT64_MAX, each, x);
	if (r != LACKS)
		return r;
	log_warn("the index does not name what entry %ju needs: all before it "
		 "is read ('weir audit verify' checks the index)",
	    (uintmax_t)x->next);
	x->by_index = false;
	x->from = x->next;
	return trail_reader_stream(a->reader, 0, UINT64_MAX, each, x);
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

/* A number behind the end would pass over what comes to stand before it. */
static int
check_from(const struct export *x, const struct audit *a, const char *state)
{
	const uint64_t size = trail_reader_checkpoint(a->reader)->size;

	if (x->from <= size)
		return 0;
	if (state == NULL)
		return log_err(ERR_NOT_FOUND,
		    "--from %ju is behind the end: the trail has %ju entries",
		    (uintmax_t)x->from, (uintmax_t)size);
	return log_err(ERR_INTEGRITY,
	    "'%s' goes on with entry %ju, and the trail has %ju: it was cut, "
	    "is from an old backup, or is another vault's.  Where that is as "
	    "it should be, remove the file: all is exported again",
	    state, (uintmax_t)x->from, (uintmax_t)size);
}

static int
go(struct export *x, struct audit *a, const char *state)
{
	char host[256] = "", id[VAULTDIR_ID_SIZE], count[OUT_COUNT];
	OWNED(trail_reader) past = NULL;
	OWNED(story) story = NULL;
	OWNED(ocsf) ocsf = NULL;
	struct ocsf_how how = { .origin = a->vault->key.name, .host = host };
	int r;

	if ((r = check_from(x, a, state)) != 0)
		return r;
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
	if ((r = read_trail(x, a)) != 0)
		return r;
	if (story_unnamed(story) > 0)
		log_warn("the files of %s have numbers instead of names",
		    out_count(story_unnamed(story), "version", count));
	if ((r = out_flush()) != 0)
		return r;
	if (state != NULL && (r = write_state(x, state)) != 0)
		return r;
	if (!x->o->quiet)
		log_info("%s; next: weir audit export --format %s --from %ju",
		    out_count(x->events, x->ocsf ? "event" : "line", count),
		    x->ocsf ? "ocsf" : "jsonl", (uintmax_t)x->next);
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
