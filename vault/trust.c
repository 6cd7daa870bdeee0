/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/trust.h"

#include <assert.h>
#include <string.h>

#include "vault/trust_parts.h"

uint64_t
trust_root_number(const struct trust_root *r)
{
	return r->number;
}

const uint8_t *
trust_root_vault(const struct trust_root *r)
{
	return r->vault;
}

struct digest
trust_root_digest(const struct trust_root *r)
{
	return r->digest;
}

const char *
trust_root_log(const struct trust_root *r)
{
	return r->log;
}

size_t
trust_root_people(const struct trust_root *r)
{
	return r->count;
}

const struct trust_person *
trust_root_person(const struct trust_root *r, size_t i)
{
	assert(i < r->count);
	return &r->people[i];
}

/* One star is enough to go back to: what an earlier one took stays taken. */
bool
trust_pattern_matches(const char *pattern, const char *text)
{
	const char *star = NULL, *taken = text;

	while (*text != '\0') {
		if (*pattern == '*') {
			star = ++pattern;
			taken = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star;
			text = ++taken;
		} else {
			return false;
		}
	}
	return pattern[strspn(pattern, "*")] == '\0';
}

static const struct trust_model_rule *
model_rule(const struct trust_root *r, const char *model)
{
	for (size_t i = 0; i < r->model_count; i++)
		if (trust_pattern_matches(r->models[i].models, model))
			return &r->models[i];
	return NULL;
}

static const struct trust_channel_rule *
channel_rule(const struct trust_root *r, const char *model, const char *channel)
{
	for (size_t i = 0; i < r->channel_count; i++)
		if (trust_pattern_matches(r->channels[i].models, model) &&
		    trust_pattern_matches(r->channels[i].channels, channel))
			return &r->channels[i];
	return NULL;
}

uint32_t
trust_root_days(const struct trust_root *r, const char *model,
    const char *channel)
{
	const struct trust_channel_rule *rule = channel_rule(r, model, channel);

	return rule != NULL ? rule->days : 0;
}

static const struct trust_grant_rule *
grant_rule(const struct trust_root *r, const char *model)
{
	for (size_t i = 0; i < r->grant_count; i++)
		if (trust_pattern_matches(r->grants[i].models, model))
			return &r->grants[i];
	return NULL;
}

static bool
same_vault(const struct trust_root *r, const uint8_t vault[static 16])
{
	return memcmp(r->vault, vault, sizeof(r->vault)) == 0;
}

/* Take out the keys of somebody: who put the version, or gets the grant. */
static void
drop_person(struct trust_role *role, const struct trust_root *r,
    const char *who)
{
	for (size_t i = 0; i < r->count; i++) {
		const char *principal = r->people[i].principal;

		if (principal != NULL && strcmp(principal, who) == 0)
			role->keys.has[i] = false;
	}
}

struct trust_approvers
trust_root_approvers(const struct trust_root *r, const char *model,
    const char *to)
{
	const struct trust_grant_rule *rule = grant_rule(r, model);
	struct trust_approvers out = { 0 };
	struct trust_role role;

	if (rule == NULL)
		return out;
	role = rule->approve;
	drop_person(&role, r, to);
	out.need = role.threshold;
	for (size_t i = 0; i < r->count; i++)
		out.may += role.keys.has[i];
	return out;
}

/* Whose signatures count, and how many it takes; false where no rule says. */
static bool
role_for(struct trust_role *out, const struct trust_root *r,
    const struct statement *s)
{
	const struct statement_fields *f = statement_fields(s);
	const struct trust_channel_rule *channel;
	const struct trust_model_rule *model;
	const struct trust_grant_rule *grant;

	if (!same_vault(r, f->vault))
		return false;
	switch (f->about) {
	case STATEMENT_TRUST:
		*out = r->root;
		return true;
	case STATEMENT_VERSION:
	case STATEMENT_REVOCATION:
		model = model_rule(r, f->model);
		if (model == NULL)
			return false;
		*out = f->about == STATEMENT_VERSION ? model->sign :
						       model->revoke;
		return true;
	case STATEMENT_PROMOTION:
		channel = channel_rule(r, f->model, f->channel);
		if (channel == NULL)
			return false;
		*out = f->act == STATEMENT_ROLLBACK ? channel->rollback :
						      channel->promote;
		if (!channel->uploader_may_approve)
			drop_person(out, r, f->put_by);
		return true;
	case STATEMENT_GRANT:
		grant = grant_rule(r, f->model);
		if (grant == NULL)
			return false;
		*out = grant->approve;
		drop_person(out, r, f->grantee);
		return true;
	}
	return false;
}

/* Who of r's people made a signature; false if one is not what it says. */
static bool
who_signed(struct trust_set *out, const struct trust_root *r,
    const struct statement *s)
{
	bool good = true;

	for (size_t n = 0; n < statement_signature_count(s); n++) {
		const struct statement_signature *sig = statement_signature(s,
		    n);

		for (size_t i = 0; i < r->count; i++) {
			if (!digest_equal(&r->keyids[i], &sig->keyid))
				continue;
			if (statement_signed_by(s, sig, &r->people[i].key))
				out->has[i] = true;
			else
				good = false;
		}
	}
	return good;
}

void
trust_count_of(struct trust_count *out, const struct trust_root *r,
    const struct statement *s)
{
	struct trust_set who = { 0 };
	struct trust_role role = { 0 };
	struct trust_count c = { 0 };

	c.forged = !who_signed(&who, r, s);
	if (role_for(&role, r, s))
		c.need = role.threshold;
	for (size_t i = 0; i < r->count; i++) {
		if (!role.keys.has[i])
			continue;
		if (who.has[i])
			c.signed_by[c.signed_count++] = (uint8_t)i;
		else
			c.waits_for[c.waits_count++] = (uint8_t)i;
	}
	c.have = (uint32_t)c.signed_count;
	*out = c;
}
