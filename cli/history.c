/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/history.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/out.h"
#include "cli/talk.h"
#include "vault/entry.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/seen.h"

static bool
is_about(const json_t *s, enum statement_about about)
{
	return strcmp(talk_text(s, "about"), statement_about_name(about)) == 0;
}

static int
take(struct history_found *out, const json_t *s)
{
	struct history_found f = { .is = true,
		.id = talk_number(s, "statement"),
		.serial = talk_number(s, "serial") };

	if (digest_parse(&f.version, talk_text(s, "version")) != 0)
		return log_err(ERR_FORMAT, "keyd's answer names no version");
	*out = f;
	return 0;
}

/* Whether s is newer than what was found before. */
static bool
is_newer(const json_t *s, const struct history_found *found)
{
	uint64_t serial = talk_number(s, "serial");
	uint64_t id = talk_number(s, "statement");

	if (!found->is)
		return true;
	return serial != found->serial ? serial > found->serial :
					 id > found->id;
}

int
history_signed(struct client *client, const char *model,
    struct history_found *out)
{
	struct history_found found = { 0 };
	OWNED_JSON j = NULL;
	json_t *s;
	size_t i;
	int r = talk_json(client, MSG_STATEMENT_LS, model, &j);

	if (r != 0)
		return r;
	json_array_foreach(json_object_get(j, "statements"), i, s) {
		if (!is_about(s, STATEMENT_VERSION) ||
		    strcmp(talk_text(s, "state"), "effective") != 0 ||
		    !is_newer(s, &found))
			continue;
		if ((r = take(&found, s)) != 0)
			return r;
	}
	*out = found;
	return 0;
}

int
history_about(struct client *client, const struct subject *subject,
    const struct history_which *which, uint64_t *out)
{
	char hex[DIGEST_HEX_SIZE];
	OWNED_JSON j = NULL;
	uint64_t id = 0;
	json_t *s;
	size_t i;
	int r = talk_json(client, MSG_STATEMENT_LS, subject->m.model, &j);

	if (r != 0)
		return r;
	digest_hex(&subject->m.version, hex);
	json_array_foreach(json_object_get(j, "statements"), i, s) {
		uint64_t n = talk_number(s, "statement");

		if (is_about(s, which->about) &&
		    strcmp(talk_text(s, "state"), which->state) == 0 &&
		    strcmp(talk_text(s, "version"), hex) == 0 &&
		    (id == 0 || n < id))
			id = n;
	}
	*out = id;
	return 0;
}

int
history_not_revoked(struct client *client, const struct subject *subject)
{
	const struct history_which which = { STATEMENT_REVOCATION,
		"effective" };
	uint64_t id;
	int r = history_about(client, subject, &which, &id);

	if (r != 0 || id == 0)
		return r;
	return log_err(ERR_CONFLICT,
	    "%s is revoked: weir promote show R%ju tells why", subject->full,
	    (uintmax_t)id);
}

int
history_not_remembered(struct client *client, const char *model,
    const struct digest *version)
{
	char reference[REF_NAME_MAX + DIGEST_HEX_SIZE + 1];
	char hex[DIGEST_HEX_SIZE], time[ENTRY_TIME_SIZE];
	char reason[STATEMENT_REASON_MAX + 160];
	OWNED_MEM(char) directory = NULL;
	OWNED(seen) seen = NULL;
	struct revoked was;
	int r;

	if ((r = seen_directory(&directory)) != 0 ||
	    (r = seen_open(&seen, directory, client_peer(client)->vault)) != 0)
		return r;
	if (!seen_revoked(seen, model, version, &was))
		return 0;
	snprintf(reference, sizeof(reference), "%s@%s", model,
	    digest_hex(version, hex));
	snprintf(reason, sizeof(reason),
	    "it was revoked, as this host was shown on %s: %s",
	    entry_time_text(was.time_ms, time), was.reason);
	(void)!seen_refused(seen, reference, reason);
	return log_err(ERR_INTEGRITY, "%s is refused: %s", reference, reason);
}

int
history_is_signed(struct client *client, const struct subject *subject)
{
	OWNED_JSON j = NULL;
	int r = talk_json(client, MSG_CHANNEL_PROOF, subject->full, &j);

	if (r != 0)
		return r;
	if (json_object_get(j, "signed") != NULL)
		return 0;
	return log_err(ERR_CONFLICT,
	    "nobody has signed %s yet, so that it cannot be promoted: "
	    "weir sign %s --key KEY",
	    subject->full, subject->full);
}

/* The promotion that keyd keeps under this number, held to what it was said
 * to be. */
static int
fetch(struct client *client, const struct history_found *found,
    const struct history_place *place, struct statement **out)
{
	OWNED_MEM(char) envelope = NULL;
	OWNED(statement) s = NULL;
	OWNED_JSON j = NULL;
	const struct statement_fields *f;
	int r = talk_json_id(client, MSG_STATEMENT_GET, found->id, &j);

	if (r != 0)
		return r;
	envelope = json_dumps(json_object_get(j, "envelope"), JSON_COMPACT);
	if (envelope == NULL ||
	    statement_parse(&s, envelope, strlen(envelope), NULL) != 0)
		return log_err(ERR_INTEGRITY,
		    "what keyd shows as P%ju is no statement",
		    (uintmax_t)found->id);
	f = statement_fields(s);
	if (f->about != STATEMENT_PROMOTION ||
	    strcmp(f->model, place->model) != 0 ||
	    strcmp(f->channel, place->channel) != 0 ||
	    f->serial != found->serial ||
	    !digest_equal(&f->version, &found->version))
		return log_err(ERR_INTEGRITY,
		    "what keyd shows as P%ju is not what it says of it",
		    (uintmax_t)found->id);
	*out = s;
	s = NULL;
	return 0;
}

/* The count alone: whether a rollback's earlier promotion was one does not
 * matter for where the channel points. */
static int
check(const struct roots *roots, const struct statement *s, uint64_t id,
    bool *met)
{
	struct trust_count count;

	trust_count_of(&count, roots->root, s);
	*met = trust_count_met(&count);
	if (*met)
		return 0;
	if (count.forged)
		return log_err(ERR_INTEGRITY,
		    "P%ju, by which keyd says the channel stands, has a forged "
		    "signature",
		    (uintmax_t)id);
	/* A later trust root may have dropped those who signed it. */
	log_warn("P%ju, by which keyd says the channel stands, has %u of the "
		 "%u signatures that the trust root asks for now",
	    (uintmax_t)id, count.have, count.need);
	return 0;
}

/* --- what this host has seen of the channel --- */

static int
refuse(struct seen *seen, const char *key, uint64_t shown, uint64_t was)
{
	char reason[160];

	if (shown < was)
		snprintf(reason, sizeof(reason),
		    "keyd shows serial %ju, and this host has seen serial "
		    "%ju: it was rolled back",
		    (uintmax_t)shown, (uintmax_t)was);
	else
		snprintf(reason, sizeof(reason),
		    "keyd shows another promotion with serial %ju than the "
		    "one that this host has seen",
		    (uintmax_t)shown);
	(void)!seen_refused(seen, key, reason);
	return log_err(ERR_INTEGRITY, "%s is refused: %s", key, reason);
}

/* s: the promotion that keyd shows, NULL for none. */
static int
compare(struct seen *seen, const char *key, const struct statement *s,
    struct seen_channel *now)
{
	const struct seen_channel was = seen_channel(seen, key);

	*now = (struct seen_channel){ 0 };
	if (s != NULL)
		*now = (struct seen_channel){
			.serial = statement_fields(s)->serial,
			.version = statement_fields(s)->version,
			.payload = statement_digest(s)
		};
	if (now->serial < was.serial ||
	    (was.serial > 0 && now->serial == was.serial &&
		!digest_equal(&now->payload, &was.payload)))
		return refuse(seen, key, now->serial, was.serial);
	if (now->serial == was.serial)
		now->serial = 0;
	return 0;
}

/* Hold it against what was seen, and remember it when enough have signed it. */
static int
check_seen(struct client *client, const struct history_place *place,
    const struct statement *s, bool met)
{
	char key[REF_NAME_MAX + REF_CHANNEL_MAX + 2];
	OWNED_MEM(char) directory = NULL;
	OWNED(seen) seen = NULL;
	struct seen_channel now;
	int r;

	snprintf(key, sizeof(key), "%s:%s", place->model, place->channel);
	if ((r = seen_directory(&directory)) != 0 ||
	    (r = seen_open(&seen, directory, client_peer(client)->vault)) !=
		0 ||
	    (r = compare(seen, key, s, &now)) != 0 || now.serial == 0 || !met)
		return r;
	r = seen_set_channel(seen, key, &now);
	return r != 0 ? r : seen_save(seen);
}

/* The promotion with this serial in a channel's log, the last one for 0. */
static int
find_place(struct client *client, const struct history_place *place,
    struct history_found *out)
{
	char reference[REF_NAME_MAX + REF_CHANNEL_MAX + 2];
	struct history_found found = { 0 };
	OWNED_JSON j = NULL;
	json_t *s;
	size_t i;
	int r;

	snprintf(reference, sizeof(reference), "%s:%s", place->model,
	    place->channel);
	/* A channel that nothing was promoted to is not there yet. */
	client_expect(client, ERR_NOT_FOUND);
	r = talk_json(client, MSG_CHANNEL_LOG, reference, &j);
	client_expect(client, 0);
	if (r != 0 && r != ERR_NOT_FOUND)
		return r;
	json_array_foreach(json_object_get(j, "log"), i, s) {
		if (place->serial != 0 ?
			talk_number(s, "serial") != place->serial :
			!is_newer(s, &found))
			continue;
		if ((r = take(&found, s)) != 0)
			return r;
	}
	*out = found;
	return 0;
}

int
history_channel(struct client *client, const struct roots *roots,
    const char *model, const char *channel, struct history_found *out)
{
	const struct history_place place = { model, channel, 0 };
	struct history_found found;
	OWNED(statement) s = NULL;
	bool met = false;
	int r;

	if ((r = find_place(client, &place, &found)) != 0)
		return r;
	if (found.is &&
	    ((r = fetch(client, &found, &place, &s)) != 0 ||
		(r = check(roots, s, found.id, &met)) != 0))
		return r;
	if ((r = check_seen(client, &place, s, met)) != 0)
		return r;
	*out = found;
	return 0;
}

int
history_serial(struct client *client, const struct history_place *place,
    struct history_found *out)
{
	struct history_found found;
	OWNED(statement) s = NULL;
	int r;

	if ((r = find_place(client, place, &found)) != 0)
		return r;
	if (!found.is || place->serial == 0)
		return log_err(ERR_NOT_FOUND,
		    "%s:%s never had serial %ju: weir channel log %s:%s",
		    place->model, place->channel, (uintmax_t)place->serial,
		    place->model, place->channel);
	if ((r = fetch(client, &found, place, &s)) != 0)
		return r;
	if (statement_fields(s)->act == STATEMENT_ROLLBACK)
		return log_err(ERR_CONFLICT,
		    "serial %ju is a rollback itself: go back to serial %ju",
		    (uintmax_t)place->serial,
		    (uintmax_t)statement_fields(s)->to);
	*out = found;
	return 0;
}
