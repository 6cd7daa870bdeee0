/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/broker_trust.h"
#include "vault/err.h"

int
broker_offer_reject(struct broker_call *c, int err, const char *fmt, ...)
{
	char sentence[BROKER_SENTENCE];
	va_list args;
	int refused;

	va_start(args, fmt);
	vsnprintf(sentence, sizeof(sentence), fmt, args);
	va_end(args);
	refused = broker_call_refuse(c, sentence, "%s", sentence);
	return refused == ERR_DENIED ? err : refused;
}

void
broker_offer_clear(struct broker_offer *o)
{
	trust_root_free(o->root);
	trust_root_free(o->next);
	*o = (struct broker_offer){ 0 };
}

/* What sentences call it. */
static void
write_title(struct broker_offer *o)
{
	const struct statement_fields *f = o->f;
	char hex[DIGEST_HEX_SIZE];

	switch (f->about) {
	case STATEMENT_VERSION:
		snprintf(o->title, sizeof(o->title), "the statement of %s@%s",
		    f->model, digest_hex(&f->version, hex));
		break;
	case STATEMENT_PROMOTION:
		snprintf(o->title, sizeof(o->title),
		    "the %s of %s:%s to %s as serial %ju",
		    f->act == STATEMENT_ROLLBACK ? "rollback" : "promotion",
		    f->model, f->channel, digest_hex(&f->version, hex),
		    (uintmax_t)f->serial);
		break;
	case STATEMENT_TRUST:
		snprintf(o->title, sizeof(o->title), "trust root %ju",
		    (uintmax_t)f->number);
		break;
	case STATEMENT_GRANT:
		snprintf(o->title, sizeof(o->title),
		    "the approval of grant %ju to %s for %s",
		    (uintmax_t)f->number, f->grantee, f->model);
		break;
	case STATEMENT_REVOCATION:
		snprintf(o->title, sizeof(o->title), "the revocation of %s@%s",
		    f->model, digest_hex(&f->version, hex));
		break;
	}
}

void
broker_offer_count(struct broker_offer *o)
{
	for (size_t i = 0; i < o->rules; i++)
		trust_count_of(&o->counts[i], o->roots[i], o->s);
}

/* Root N + 1 is for N's keys and its own; all else for those of the root in
 * force; the first root for its own. */
static void
choose_roots(struct broker_offer *o)
{
	o->rules = 0;
	if (o->root != NULL)
		o->roots[o->rules++] = o->root;
	if (o->next != NULL)
		o->roots[o->rules++] = o->next;
	broker_offer_count(o);
}

static int
parse_next(struct broker_offer *o)
{
	char why[STATEMENT_WHY] = "";
	int err = trust_root_parse(&o->next, o->s, why);

	if (err != 0)
		return broker_call_fail(o->c, err, "%s: %s", o->title, why);
	return 0;
}

int
broker_offer_of(struct broker_offer *out, struct broker_call *c,
    const struct statement *s)
{
	OWNED_OFFER o = { .c = c, .s = s, .f = statement_fields(s) };
	int err = 0;

	write_title(&o);
	if (memcmp(o.f->vault, c->b->how.vault->id, sizeof(o.f->vault)) != 0)
		return broker_offer_reject(c, ERR_INTEGRITY,
		    "%s was made for another vault", o.title);
	if (o.f->about == STATEMENT_TRUST)
		err = parse_next(&o);
	if (err != 0)
		return err;
	err = broker_trust_root(c->b, &o.root);
	if (err != 0)
		return broker_call_unreadable(c, err);
	if (o.root == NULL && o.next == NULL)
		return broker_trust_need_root(c, &o.root);
	choose_roots(&o);
	*out = o;
	o = (struct broker_offer){ 0 };
	return 0;
}

int
broker_offer_told(struct broker_offer *out, struct broker_call *c,
    const struct broker_held *h)
{
	OWNED_OFFER o = { .c = c, .s = h->s, .f = statement_fields(h->s) };
	bool alone = h->row->about == STATEMENT_TRUST &&
	    h->row->state != CATALOGUE_WAITING;
	int err = 0;

	write_title(&o);
	if (h->row->about == STATEMENT_TRUST)
		err = trust_root_parse(&o.next, h->s, NULL);
	if (err == 0 && !alone)
		err = broker_trust_root(c->b, &o.root);
	if (err != 0)
		return err;
	choose_roots(&o);
	*out = o;
	o = (struct broker_offer){ 0 };
	return 0;
}

size_t
broker_offer_open(const struct broker_offer *o)
{
	for (size_t i = 0; i < o->rules; i++)
		if (!trust_count_met(&o->counts[i]))
			return i;
	return o->rules - 1;
}

const struct trust_person *
broker_offer_person(const struct broker_offer *o, const struct digest *keyid)
{
	for (size_t i = 0; i < o->rules; i++)
		for (size_t p = 0; p < trust_root_people(o->roots[i]); p++) {
			const struct trust_person
			    *person = trust_root_person(o->roots[i], p);
			struct digest id = statement_key_id(&person->key);

			if (digest_equal(&id, keyid))
				return person;
		}
	return NULL;
}

static bool
in_list(const json_t *list, const char *name)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item) {
		if (strcmp(json_string_value(item), name) == 0)
			return true;
	}
	return false;
}

void *
broker_offer_names(const struct broker_offer *o, bool waits)
{
	json_t *list = json_array();

	for (size_t i = 0; i < o->rules; i++) {
		const struct trust_count *n = &o->counts[i];
		const uint8_t *who = waits ? n->waits_for : n->signed_by;
		size_t count = waits ? n->waits_count : n->signed_count;

		if (waits && trust_count_met(n))
			continue;
		for (size_t k = 0; k < count; k++) {
			const char *
			    name = trust_root_person(o->roots[i], who[k])->name;

			if (!in_list(list, name))
				(void)json_array_append_new(list,
				    json_string(name));
		}
	}
	return list;
}

/* --- whether it may be taken --- */

/* The name of somebody known who signed, and does not count; or NULL. */
static const char *
one_who_does_not_count(const struct broker_offer *o)
{
	for (size_t i = 0; i < statement_signature_count(o->s); i++) {
		const struct statement_signature
		    *sig = statement_signature(o->s, i);
		const struct trust_person *p = broker_offer_person(o,
		    &sig->keyid);

		if (p != NULL && statement_signed_by(o->s, sig, &p->key))
			return p->name;
	}
	return NULL;
}

static int
nobody_counts(const struct broker_offer *o)
{
	const char *name = one_who_does_not_count(o);
	const struct trust_person *p = NULL;
	char count[BROKER_WHY];

	broker_trust_count(&o->counts[0], o->roots[0], count);
	for (size_t i = 0; name != NULL && i < trust_root_people(o->roots[0]);
	     i++)
		if (strcmp(trust_root_person(o->roots[0], i)->name, name) == 0)
			p = trust_root_person(o->roots[0], i);
	if (name == NULL)
		return broker_offer_reject(o->c, ERR_DENIED,
		    "%s is not signed by a key that the trust root names: %s",
		    o->title, count);
	if (p != NULL && p->principal != NULL && o->f->put_by != NULL &&
	    o->f->about == STATEMENT_PROMOTION &&
	    strcmp(p->principal, o->f->put_by) == 0)
		return broker_offer_reject(o->c, ERR_DENIED,
		    "%s is signed by %s, who put the version (%s); if the rule"
		    " names that key at all, it lets nobody approve what they"
		    " put: %s",
		    o->title, name, p->principal, count);
	return broker_offer_reject(o->c, ERR_DENIED,
	    "%s is signed by %s, whom the rule does not name: %s", o->title,
	    name, count);
}

int
broker_offer_signed(struct broker_offer *o)
{
	for (size_t i = 0; i < o->rules; i++)
		if (o->counts[i].forged)
			return broker_offer_reject(o->c, ERR_INTEGRITY,
			    "%s has a signature under the name of a key of"
			    " trust root %ju that this key did not make",
			    o->title,
			    (uintmax_t)trust_root_number(o->roots[i]));
	if (o->counts[0].need == 0)
		return broker_offer_reject(o->c, ERR_DENIED,
		    "no rule of trust root %ju lets anybody sign %s; the"
		    " owners of its root keys may add one: weir trust set",
		    (uintmax_t)trust_root_number(o->roots[0]), o->title);
	return o->counts[0].have > 0 ? 0 : nobody_counts(o);
}
