/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/roots.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/out.h"
#include "cli/talk.h"
#include "keys/chain.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/seen.h"

void
roots_clear(struct roots *r)
{
	statement_free(r->newest);
	trust_root_free(r->root);
	*r = (struct roots){ 0 };
}

static int
does_not_follow(uint64_t number, const char *why)
{
	return log_err(ERR_INTEGRITY,
	    "the trust root %ju that keyd shows is not to be trusted: it is %s",
	    (uintmax_t)number, why);
}

/* Take the next root, if the one before accepts it. */
static int
follow(struct roots *r, const char *envelope, const uint8_t vault[static 16])
{
	OWNED(statement) s = NULL;
	OWNED(trust_root) root = NULL;
	char why[STATEMENT_WHY] = "";
	enum trust_verdict v;

	if (statement_parse(&s, envelope, strlen(envelope), why) != 0 ||
	    trust_root_parse(&root, s, why) != 0)
		return log_err(ERR_INTEGRITY,
		    "the trust root %ju that keyd shows is none: %s",
		    (uintmax_t)r->number + 1, why);
	if (memcmp(trust_root_vault(root), vault, 16) != 0)
		return does_not_follow(r->number + 1,
		    trust_text(TRUST_OTHER_VAULT));
	if (r->root == NULL && trust_root_number(root) != 1)
		return does_not_follow(1, trust_text(TRUST_NUMBER));
	v = r->root == NULL ? trust_accept_first(root, s) :
			      trust_accept_next(r->root, root, s);
	if (v != TRUST_OK)
		return does_not_follow(r->number + 1, trust_text(v));

	r->number = trust_root_number(root);
	statement_free(r->newest);
	trust_root_free(r->root);
	r->newest = s;
	r->root = root;
	s = NULL;
	root = NULL;
	return 0;
}

/* The roots after the ones there are; *last is keyd's newest number. */
static int
fetch_more(struct roots *r, struct client *client, uint64_t *last)
{
	const uint8_t *vault = client_peer(client)->vault;
	OWNED_JSON j = NULL;
	uint64_t before = r->number;
	json_t *envelope;
	size_t i;
	int err;

	err = talk_json_id(client, MSG_TRUST_GET, r->number, &j);
	if (err != 0)
		return err;
	*last = talk_number(j, "number");
	json_array_foreach(json_object_get(j, "roots"), i, envelope) {
		OWNED_MEM(char) text = json_dumps(envelope, JSON_COMPACT);

		if (text == NULL)
			return ERR_NOMEM;
		if ((err = follow(r, text, vault)) != 0)
			return err;
	}
	if (r->number == before && *last > before)
		return log_err(ERR_INTEGRITY,
		    "keyd does not show the trust root %ju", (uintmax_t)*last);
	return 0;
}

static int
fetch_all(struct roots *out, struct client *client)
{
	OWNED_ROOTS r = { 0 };
	uint64_t last = 0;
	int err;

	do {
		if ((err = fetch_more(&r, client, &last)) != 0)
			return err;
	} while (r.number < last);
	*out = r;
	r = (struct roots){ 0 };
	return 0;
}

/* --- by what this host goes by --- */

/* What the chain came to; it was checked there. */
static int
take(struct roots *out, const struct chain *c)
{
	const char *envelope = chain_root(c);
	OWNED_ROOTS r = { 0 };
	int err;

	if (envelope == NULL)
		return 0;
	err = statement_parse(&r.newest, envelope, strlen(envelope), NULL);
	if (err == 0)
		err = trust_root_parse(&r.root, r.newest, NULL);
	if (err != 0)
		return err;
	r.number = trust_root_number(r.root);
	*out = r;
	r = (struct roots){ 0 };
	return 0;
}

/* The chain is let go before anybody is asked anything: it holds a lock. */
int
roots_follow(struct roots *out, struct client *client,
    const struct roots_how *how)
{
	const struct chain_how by = { .trust_files = how->trust.items,
		.trust_count = how->trust.count,
		.first_use = how->first_use,
		.may_lack = how->may_lack,
		.own = how->own,
		.own_count = how->own_count };
	OWNED(chain) c = NULL;
	int r;

	if ((r = chain_open(&c, client, &by)) != 0 ||
	    (r = chain_commit(c)) != 0)
		return r;
	return take(out, c);
}

const char roots_by_keyd[] =
    "this host has no root of this vault pinned, and has not seen it: root 1 is"
    " what keyd shows; compare its digest with the release managers'";

int
roots_look(struct roots *out, struct client *client)
{
	const struct chain_how how = { .may_lack = true };
	const uint8_t *vault = client_peer(client)->vault;
	OWNED(chain) c = NULL;
	bool seen, pinned;
	int r;

	if ((r = seen_before(vault, &seen)) != 0 ||
	    (r = chain_pinned(vault, &pinned)) != 0)
		return r;
	if (!seen && !pinned) {
		r = fetch_all(out, client);
		out->by_keyd = r == 0 && out->number > 0;
		return r;
	}
	if ((r = chain_open(&c, client, &how)) != 0)
		return r;
	return take(out, c);
}

int
roots_need(struct roots *out, struct client *client)
{
	int r = roots_look(out, client);

	if (r != 0 || out->number > 0)
		return r;
	return log_err(ERR_NOT_FOUND,
	    "this vault has no trust root, so that nobody may sign: an owner "
	    "makes one: weir trust init --key KEY ('weir promote ls' lists one "
	    "that waits)");
}
