/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/talk.h"
#include "vault/err.h"
#include "vault/log.h"

#define GRACE_MS (UINT64_C(24) * 60 * 60 * 1000)

/* The store's names go to keyd in parts; keyd removes what nobody needs. */
struct gc {
	struct options *o;
	struct client *client;
	struct progress *progress;
	bool dry;
	uint64_t grace_ms;
	struct digest names[MSG_SWEEP_MAX];
	uint32_t count;
	uint64_t looked;
	uint64_t what[MSG_SWEPT_FAILED + 1];
	uint64_t bytes;
};

static int
flush(struct gc *g)
{
	OWNED_WRITER body = writer_of(64 + sizeof(g->names));
	const struct msg_sweep m = {
		.dry = g->dry,
		.grace_ms = g->grace_ms,
		.count = g->count,
		.names = g->names,
	};
	struct msg_sweep_reply r;
	struct reader reply;
	int err;

	if (g->count == 0)
		return 0;
	msg_sweep_write(&body, &m);
	if ((err = client_call(g->client, MSG_GC_SWEEP, &body, &reply)) != 0)
		return err;
	if (msg_sweep_reply_read(&r, &reply) != 0)
		return log_err(ERR_FORMAT, "keyd's answer is malformed");
	for (uint32_t i = 0; i < r.count; i++)
		g->what[r.what[i] <= MSG_SWEPT_FAILED ? r.what[i] :
							MSG_SWEPT_FAILED]++;
	g->bytes += r.bytes;
	g->looked += g->count;
	g->count = 0;
	msg_sweep_reply_clear(&r);
	progress_sweep(g->progress, g->looked, g->what[MSG_SWEPT_REMOVED]);
	return 0;
}

static int
take(void *arg, const struct digest *name, uint64_t size)
{
	struct gc *g = arg;

	(void)size;
	if (*g->o->stop)
		return ERR_CONFLICT;
	g->names[g->count++] = *name;
	return g->count == MSG_SWEEP_MAX ? flush(g) : 0;
}

static int
begin(struct gc *g, json_t **out)
{
	OWNED_WRITER body = writer_of(8);
	struct reader reply;
	char *text;
	int r;

	msg_field_bool_write(&body, g->dry);
	if ((r = client_call(g->client, MSG_GC_BEGIN, &body, &reply)) != 0)
		return r;
	if (msg_text_read(&text, &reply) != 0)
		return log_err(ERR_FORMAT, "keyd's answer is malformed");
	return talk_parse(text, out);
}

/* What was removed is recorded, also when it was not all. */
static int
end(struct gc *g)
{
	struct reader reply;

	return client_call(g->client, MSG_GC_END, NULL, &reply);
}

static int
run(struct gc *g, json_t **begun)
{
	OWNED(store) store = NULL;
	int r, ended;

	if ((r = talk_store(&store, g->o, false)) != 0 ||
	    (r = begin(g, begun)) != 0)
		return r;
	r = store_list(store, take, g);
	if (r == 0)
		r = flush(g);
	progress_clear(g->progress);
	ended = end(g);
	if (*g->o->stop)
		return CMD_INTERRUPTED;
	return r != 0 ? r : ended;
}

static int
print_json(const struct gc *g, json_t *versions)
{
	OWNED_JSON j = json_pack("{s:b, s:O, s:I, s:I, s:I, s:I, s:I, s:I, "
				 "s:I}",
	    "dry_run", g->dry, "versions", versions, "objects",
	    (json_int_t)g->looked, "removed",
	    (json_int_t)g->what[MSG_SWEPT_REMOVED], "bytes",
	    (json_int_t)g->bytes, "needed",
	    (json_int_t)g->what[MSG_SWEPT_NEEDED], "young",
	    (json_int_t)g->what[MSG_SWEPT_YOUNG], "pinned",
	    (json_int_t)g->what[MSG_SWEPT_PINNED], "failed",
	    (json_int_t)g->what[MSG_SWEPT_FAILED]);

	return j != NULL ? out_json(j) : ERR_NOMEM;
}

static void
print_text(const struct gc *g, const json_t *versions)
{
	char size[OUT_SIZE];
	const json_t *v;
	size_t i;

	json_array_foreach(versions, i, v)
		out_line("%s %s@%s", g->dry ? "would go" : "gone for good",
		    talk_text(v, "model"), talk_text(v, "version"));
	out_line("objects looked at  %llu", (unsigned long long)g->looked);
	out_line("%s  %llu, %s",
	    g->dry ? "would be removed " : "removed          ",
	    (unsigned long long)g->what[MSG_SWEPT_REMOVED],
	    out_size(g->bytes, size));
	out_line("needed             %llu",
	    (unsigned long long)g->what[MSG_SWEPT_NEEDED]);
	out_line("too young          %llu",
	    (unsigned long long)g->what[MSG_SWEPT_YOUNG]);
	if (g->what[MSG_SWEPT_PINNED] > 0)
		out_line("of uploads         %llu",
		    (unsigned long long)g->what[MSG_SWEPT_PINNED]);
	if (g->dry && i > 0 && !g->o->quiet)
		log_info("what these versions alone need is not counted: it "
			 "goes with them");
}

int
cmd_gc(struct options *o, int argc, char **argv)
{
	struct gc g = { .o = o, .grace_ms = GRACE_MS };
	const char *grace = NULL;
	const struct options_own own[] = {
		{ "dry-run", 'n', OPTIONS_FLAG, &g.dry },
		{ "grace", 0, OPTIONS_TEXT, &grace },
		OPTIONS_END,
	};
	struct options_operands none;
	OWNED(client) client = NULL;
	OWNED(progress) progress = NULL;
	OWNED_JSON begun = NULL;
	json_t *versions;
	int r;

	if ((r = options_parse(o, own, argc, argv, &none)) != 0 ||
	    (grace != NULL &&
		(r = options_span(o, "--grace", grace, &g.grace_ms)) != 0) ||
	    (r = talk_open(&client, o)) != 0 ||
	    (r = progress_new(&progress, o->quiet)) != 0)
		return r;
	g.client = client;
	g.progress = progress;
	if ((r = run(&g, &begun)) != 0) {
		if (r == CMD_INTERRUPTED)
			log_info(
			    "interrupted: what is left goes the next time");
		return r;
	}
	versions = json_object_get(begun, "versions");
	if (o->json)
		r = print_json(&g, versions);
	else
		print_text(&g, versions);
	if (r == 0 && g.what[MSG_SWEPT_FAILED] > 0)
		r = log_err(CMD_FAILED,
		    "%llu objects cannot be removed; weir-keyd's log says why",
		    (unsigned long long)g.what[MSG_SWEPT_FAILED]);
	return r;
}
