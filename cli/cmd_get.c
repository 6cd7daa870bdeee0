/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/talk.h"
#include "keys/chain.h"
#include "keys/session.h"
#include "vault/err.h"
#include "vault/extract.h"
#include "vault/log.h"
#include "vault/oms.h"

struct get {
	struct options *o;
	char *reference;
	const char *dest;
	struct client *client;
	struct options_list trust;
	bool first_use;
	bool allow_unsigned;
	uint64_t session;
	bool begun; /* something was made at dest */
};

static int
release(void *arg, uint64_t first, uint32_t count, uint8_t (*keys)[KEY_SIZE])
{
	struct get *g = arg;
	struct msg_release m = {
		.session = g->session,
		.first = first,
		.count = count,
	};
	struct msg_release_reply reply;
	int r;

	if ((r = client_release(g->client, &m, &reply)) != 0)
		return r;
	if (reply.count == count)
		for (uint32_t i = 0; i < count; i++)
			memcpy(keys[i], reply.rows[i].key, KEY_SIZE);
	else
		r = log_err(ERR_FORMAT, "keyd released %u keys, not %u",
		    reply.count, count);
	msg_release_reply_clear(&reply);
	return r;
}

static int
open_session(struct get *g, struct chain_session *out)
{
	const struct chain_how how = { .trust_files = g->trust.items,
		.trust_count = g->trust.count,
		.first_use = g->first_use,
		.allow_unsigned = g->allow_unsigned };
	char host[256], exe[4096];
	struct msg_session_open m = {
		.principal = (char[]){ "" },
		.purpose = MSG_GET,
		.mountpoint = (char[]){ "" },
		.host = host,
		.pid = (uint32_t)getpid(),
		.exe = exe,
		.count = 1,
		.refs = &g->reference,
	};
	ssize_t n;

	if (gethostname(host, sizeof(host)) != 0)
		snprintf(host, sizeof(host), "?");
	host[sizeof(host) - 1] = '\0';
	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	exe[n > 0 ? n : 0] = '\0';

	return chain_session_open(out, g->client, &how, &m);
}

/* What others can check the files by.  That it is missing is no reason to keep
 * the files back. */
static void
make_signature(const struct manifest *m, const struct chain_version *v,
    struct extract_extra *out)
{
	char why[OMS_WHY] = "", *bytes;

	if (v->oms_json == NULL)
		return;
	if (oms_recorded(&bytes, &out->length, m, v->oms_json, why) != 0) {
		log_warn("%s: the " OMS_FILE " that keyd has for it is left "
			 "out: %s",
		    v->full, why[0] != '\0' ? why : "out of memory");
		return;
	}
	out->bytes = bytes;
}

static int
extract(struct get *g, const struct chain_session *s, uint64_t *bytes,
    uint64_t *files)
{
	const struct msg_version *m = &s->session.versions[0];
	OWNED_MEM(void) signature = NULL;
	OWNED(progress) progress = NULL;
	OWNED(store) store = NULL;
	OWNED(version) version = NULL;
	struct extract_keys keys = {
		.release = release,
		.arg = g,
		.window = m->window,
	};
	struct extract_extra extra = { .name = OMS_FILE };
	struct extract_how how = {
		.keys = &keys,
		.dest = g->dest,
		.progress = progress_extract,
		.begun = &g->begun,
		.stop = g->o->stop,
	};
	int r;

	if ((r = talk_store(&store, g->o, false)) != 0 ||
	    (r = talk_version(&version, store, m)) != 0 ||
	    (r = progress_new(&progress, g->o->quiet)) != 0)
		return r;
	how.version = version;
	how.progress_arg = progress;
	make_signature(version_manifest(version), &s->versions[0], &extra);
	signature = (void *)(uintptr_t)extra.bytes;
	how.extra = signature != NULL ? &extra : NULL;
	*bytes = version_manifest(version)->total_bytes;
	*files = version_manifest(version)->file_count;
	return extract_run(&how);
}

static int
print_result(const struct get *g, const struct chain_session *s, uint64_t bytes,
    uint64_t files)
{
	const struct msg_version *m = &s->session.versions[0];
	const struct chain_version *c = &s->versions[0];
	char hex[DIGEST_HEX_SIZE], size[OUT_SIZE];
	OWNED_JSON j = NULL;

	digest_hex(&m->version, hex);
	if (!g->o->quiet)
		log_info("%s@%.12s (%s%s): %s, written to '%s' in plain; every "
			 "file matched its digest",
		    m->model, hex, c->is_signed ? "signed by " : "unsigned",
		    c->is_signed ? c->signed_by : "", out_size(bytes, size),
		    g->dest);
	if (!g->o->json)
		return 0;
	j = json_pack("{s:s, s:s, s:o, s:I, s:I, s:I, s:b, s:s*, s:s}", "model",
	    m->model, "version", hex, "dest", out_text(g->dest), "files",
	    (json_int_t)files, "bytes", (json_int_t)bytes, "session",
	    (json_int_t)g->session, "signed", c->is_signed, "signed_by",
	    c->signed_by, "trust",
	    session_trust_name((enum msg_trust)s->trust));
	return j != NULL ? out_json(j) : ERR_NOMEM;
}

static int
run(struct get *g)
{
	OWNED(client) client = NULL;
	struct chain_session session = { 0 };
	uint64_t bytes = 0, files = 0;
	int r, closed;

	if ((r = talk_open(&client, g->o)) != 0)
		return r;
	g->client = client;
	if ((r = open_session(g, &session)) != 0)
		return r;
	g->session = session.session.session;

	r = extract(g, &session, &bytes, &files);
	closed = client_session_close(client, g->session,
	    r == 0	    ? "done" :
		*g->o->stop ? "interrupted" :
			      "failed");
	if (r != 0 && *g->o->stop)
		r = CMD_INTERRUPTED;
	if (r != 0 && g->begun)
		log_info("%swhat '%s' holds is not the whole version, though "
			 "each file there is whole; remove it before you try "
			 "again: rm -r '%s'",
		    r == CMD_INTERRUPTED ? "interrupted: " : "", g->dest,
		    g->dest);
	if (r == 0)
		r = print_result(g, &session, bytes, files);
	chain_session_clear(&session);
	return r != 0 ? r : closed;
}

int
cmd_get(struct options *o, int argc, char **argv)
{
	struct options_operands operands;
	struct get g = { .o = o };
	const struct options_own own[] = {
		{ "trust", 0, OPTIONS_LIST, &g.trust },
		{ "trust-on-first-use", 0, OPTIONS_FLAG, &g.first_use },
		{ "allow-unsigned", 0, OPTIONS_FLAG, &g.allow_unsigned },
		OPTIONS_END,
	};
	struct ref ref;
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0 ||
	    (r = chain_reference(operands.items[0], &ref)) != 0)
		return r;
	g.reference = operands.items[0];
	g.dest = operands.items[1];
	return run(&g);
}
