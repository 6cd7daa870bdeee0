/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/signoms.h"

#include <stdlib.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/history.h"
#include "cli/out.h"
#include "cli/subject.h"
#include "cli/verified.h"
#include "vault/err.h"
#include "vault/file.h"
#include "vault/log.h"
#include "vault/oms.h"

/* What is signed, and with what. */
struct signing {
	struct signoms *s;
	struct client *client;
	struct store *store;
	struct subject subject;
	struct oms_files files;
	struct oms_parts parts;
	struct omskey_signature signature;
};

static void
signing_clear(struct signing *g)
{
	omskey_clear(&g->signature);
	oms_files_clear(&g->files);
	subject_clear(&g->subject);
	store_free(g->store);
	client_free(g->client);
}

static int
said(const struct signing *g, int r, const char *why)
{
	return why[0] != '\0' ? log_err(r, "%s: %s", g->subject.full, why) : r;
}

static int
open_version(struct signing *g, const char *reference)
{
	struct signoms *s = g->s;
	const char *slash;
	char why[OMS_WHY] = "";
	int r;

	if ((r = talk_open(&g->client, s->o)) != 0 ||
	    (r = talk_store(&g->store, s->o, false)) != 0 ||
	    (r = subject_open(&g->subject, g->client, g->store, reference)) !=
		0 ||
	    (r = history_not_revoked(g->client, &g->subject)) != 0 ||
	    (r = history_not_remembered(g->client, g->subject.m.model,
		 &g->subject.m.version)) != 0 ||
	    (r = verified_wait(s->o, g->client, &g->subject, s->no_wait)) != 0)
		return r;
	slash = strrchr(g->subject.m.model, '/');
	g->parts.name = s->name != NULL ? s->name :
	    slash != NULL		? slash + 1 :
					  g->subject.m.model;
	g->parts.ignore = s->ignore.items;
	g->parts.ignore_count = s->ignore.count;
	r = oms_files_of(&g->files, version_manifest(g->subject.version),
	    g->parts.ignore, g->parts.ignore_count, true, why);
	if (r == ERR_CONFLICT)
		return log_err(r, "%s: %s; leave it out with --ignore-paths",
		    g->subject.full, why);
	return said(g, r, why);
}

/* What the signature will vouch for. */
static int
ask(const struct signing *g)
{
	struct digest root = oms_root(&g->files);
	char hex[DIGEST_HEX_SIZE];
	FILE *f = stderr;

	if (g->s->yes && g->s->o->quiet)
		return 0;
	out_line_to(f, "model.sig   for %s", g->subject.full);
	out_line_to(f, "  name      %s", g->parts.name);
	out_line_to(f, "  files     %zu", g->files.count);
	out_line_to(f, "  root      %s", digest_hex(&root, hex));
	for (size_t i = 0; i < g->parts.ignore_count; i++)
		out_line_to(f, "  without   %s", g->parts.ignore[i]);
	return ask_yes(g->s->o, g->s->yes, "Sign these files?");
}

static int
make_signature(struct signing *g)
{
	OWNED_MEM(char) payload = NULL;
	char why[OMS_WHY] = "";
	size_t n;
	int r = oms_payload(&payload, &n, &g->files, &g->parts, why);

	if (r != 0)
		return said(g, r, why);
	if ((r = ask(g)) != 0)
		return r;
	r = omskey_sign(&g->signature, &g->s->key, payload, n);
	g->parts.key = g->signature.key;
	g->parts.sig = g->signature.sig;
	g->parts.sig_length = g->signature.length;
	return r;
}

static int
send(const struct signing *g)
{
	struct msg_sign_oms m = {
		.reference = (char *)(uintptr_t)g->subject.full,
		.name = (char *)(uintptr_t)g->parts.name,
		.count = (uint16_t)g->parts.ignore_count,
		.ignored = (char **)(uintptr_t)g->parts.ignore,
		.key = g->signature.key,
		.sig_length = g->signature.length,
	};

	memcpy(m.sig, g->signature.sig, m.sig_length);
	return client_sign_oms(g->client, &m);
}

static int
write_bundle(const struct signing *g)
{
	OWNED_MEM(char) bundle = NULL;
	char why[OMS_WHY] = "";
	size_t n;
	int r;

	if (g->s->bundle == NULL)
		return 0;
	r = oms_bundle(&bundle, &n, &g->files, &g->parts, why);
	if (r != 0)
		return said(g, r, why);
	return file_replace(NULL, g->s->bundle, bundle, n, 0644);
}

static int
print_result(const struct signing *g)
{
	struct digest root = oms_root(&g->files);
	char hex[DIGEST_HEX_SIZE], version[DIGEST_HEX_SIZE];
	OWNED_JSON j = NULL;

	digest_hex(&root, hex);
	if (!g->s->o->json) {
		out_line("signed %s as '%s': %zu files, root %s; model.sig is "
			 "in its root when it is mounted or got",
		    g->subject.full, g->parts.name, g->files.count, hex);
		return 0;
	}
	j = json_pack("{s:s, s:s, s:s, s:s, s:I, s:s*}", "model",
	    g->subject.m.model, "version",
	    digest_hex(&g->subject.m.version, version), "name", g->parts.name,
	    "root", hex, "files", (json_int_t)g->files.count, "bundle",
	    g->s->bundle);
	return j != NULL ? out_json(j) : ERR_NOMEM;
}

int
signoms_run(struct signoms *s, const char *reference)
{
	__attribute__((cleanup(signing_clear))) struct signing g = { .s = s };
	int r;

	if ((r = omskey_look(s->key.path)) != 0 ||
	    (r = open_version(&g, reference)) != 0 ||
	    (r = make_signature(&g)) != 0 || (r = send(&g)) != 0 ||
	    (r = write_bundle(&g)) != 0)
		return r;
	return print_result(&g);
}
