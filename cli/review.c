/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/review.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/changes.h"
#include "cli/out.h"
#include "cli/sshwire.h"
#include "vault/err.h"
#include "vault/log.h"

#define LINES 12
#define VAULT_TEXT 33

static void
line(FILE *f, const char *what, const char *text)
{
	if (text != NULL)
		out_line_to(f, "  %-15s %s", what, text);
}

static void
line_time(FILE *f, const char *what, int64_t ms)
{
	char text[OUT_TIME];

	out_line_to(f, "  %-15s %s UTC", what, out_time(ms, text));
}

static void
line_size(FILE *f, const char *what, uint64_t bytes)
{
	char text[OUT_SIZE];

	out_line_to(f, "  %-15s %s (%ju bytes)", what, out_size(bytes, text),
	    (uintmax_t)bytes);
}

static void
version_lines(FILE *f, const struct statement_fields *v)
{
	out_line_to(f, "  %-15s %ju", "files", (uintmax_t)v->files);
	line_size(f, "bytes", v->bytes);
	line_size(f, "weights", v->weights);
	line(f, "classification", v->classification);
	line(f, "owner", v->owner);
	line(f, "source run", v->source_run);
	line(f, "licence", v->licence);
	for (size_t i = 0; i < v->label_count; i++)
		out_line_to(f, "  %-15s %s=%s", "label", v->labels[i].key,
		    v->labels[i].value);
}

static void
promotion_lines(FILE *f, const struct statement_fields *p)
{
	char hex[DIGEST_HEX_SIZE];

	out_line_to(f, "  %-15s %s:%s", "channel", p->model, p->channel);
	out_line_to(f, "  %-15s %ju", "serial", (uintmax_t)p->serial);
	if (p->act == STATEMENT_ROLLBACK)
		out_line_to(f, "  %-15s serial %ju", "goes back to",
		    (uintmax_t)p->to);
	line(f, "instead of",
	    p->has_previous ? digest_hex(&p->previous, hex) : "nothing yet");
	line_time(f, "expires", p->expires_ms);
	line(f, "ticket", p->ticket);
}

static char *
vault_text(const uint8_t id[static 16], char buf[static VAULT_TEXT])
{
	for (size_t i = 0; i < 16; i++)
		snprintf(buf + 2 * i, 3, "%02x", id[i]);
	return buf;
}

static const char *
title(const struct statement_fields *f)
{
	switch (f->about) {
	case STATEMENT_VERSION:
		return "This version is vouched for:";
	case STATEMENT_PROMOTION:
		return f->act == STATEMENT_ROLLBACK ?
		    "This channel goes back to an earlier version:" :
		    "This channel moves to a version:";
	case STATEMENT_TRUST:
		return "These are the keys and rules from now on:";
	case STATEMENT_GRANT:
		return "This grant is approved:";
	case STATEMENT_REVOCATION:
		break;
	}
	return "This version is revoked, and is never served again:";
}

void
review_statement(FILE *f, const struct statement *s)
{
	const struct statement_fields *v = statement_fields(s);
	char id[VAULT_TEXT], hex[DIGEST_HEX_SIZE];

	out_line_to(f, "%s", title(v));
	line(f, "vault", vault_text(v->vault, id));
	if (v->about == STATEMENT_TRUST) {
		out_line_to(f, "  %-15s %ju", "number", (uintmax_t)v->number);
		line_time(f, "time", v->time_ms);
		return;
	}
	line(f, "model", v->model);
	if (v->about == STATEMENT_GRANT) {
		out_line_to(f, "  %-15s %ju", "grant", (uintmax_t)v->number);
		line(f, "to", v->grantee);
		line(f, "terms", v->terms);
		line(f, "reason", v->reason);
		line_time(f, "time", v->time_ms);
		return;
	}
	line(f, "version", digest_hex(&v->version, hex));
	line(f, "root digest", digest_hex(&v->root, hex));
	if (v->about == STATEMENT_VERSION)
		version_lines(f, v);
	if (v->about == STATEMENT_PROMOTION)
		promotion_lines(f, v);
	line(f, "put by", v->put_by);
	line(f, "reason", v->reason);
	line_time(f, "time", v->time_ms);
}

/* "2 of carol, dave, erin" */
static void
role_line(FILE *f, const char *what, const json_t *role)
{
	json_t *names = json_object_get(role, "keys"), *name;
	char text[1024] = "";
	size_t i, n = 0;

	json_array_foreach(names, i, name) {
		if (n < sizeof(text))
			n += (size_t)snprintf(text + n, sizeof(text) - n,
			    "%s%s", i > 0 ? ", " : "", json_string_value(name));
	}
	out_line_to(f, "    %-13s %ju of %s", what,
	    (uintmax_t)talk_number(role, "threshold"), text);
}

static void
channel_rule(FILE *f, const json_t *rule)
{
	out_line_to(f, "  channels %s:%s, at most %ju days%s",
	    talk_text(rule, "models"), talk_text(rule, "channels"),
	    (uintmax_t)talk_number(rule, "days"),
	    talk_bool(rule, "uploader_may_approve") ?
		", whoever put a version may approve it" :
		"");
	role_line(f, "promote", json_object_get(rule, "promote"));
	role_line(f, "roll back", json_object_get(rule, "rollback"));
}

void
review_root(FILE *f, const struct statement *s, const struct trust_root *root)
{
	const json_t *p = statement_predicate(s);
	char print[SSHWIRE_PRINT];
	json_t *rule;
	size_t i;

	for (size_t n = 0; n < trust_root_people(root); n++) {
		const struct trust_person *who = trust_root_person(root, n);

		out_line_to(f, "  key %-11s %s%s%s%s", who->name,
		    sshwire_print(&who->key, print),
		    who->principal != NULL ? " (" : "",
		    who->principal != NULL ? who->principal : "",
		    who->principal != NULL ? ")" : "");
	}
	out_line_to(f, "  trust roots");
	role_line(f, "sign", json_object_get(p, "root"));
	json_array_foreach(json_object_get(p, "models"), i, rule) {
		out_line_to(f, "  versions of %s", talk_text(rule, "models"));
		role_line(f, "sign", json_object_get(rule, "sign"));
		role_line(f, "revoke", json_object_get(rule, "revoke"));
	}
	json_array_foreach(json_object_get(p, "channels"), i, rule)
		channel_rule(f, rule);
	json_array_foreach(json_object_get(p, "grants"), i, rule) {
		out_line_to(f, "  grants for %s", talk_text(rule, "models"));
		role_line(f, "approve", json_object_get(rule, "approve"));
	}
	out_line_to(f, "  log %s", trust_root_log(root));
}

int
review_changes(FILE *f, const struct subject *from, const struct subject *to,
    bool deep)
{
	const struct changes_of which = {
		.from = from != NULL ? from->version : NULL,
		.to = to->version,
		.deep = deep && from != NULL,
	};
	OWNED_JSON changes = NULL;
	int r = changes_between(&changes, &which);

	if (r != 0)
		return r;
	if (from != NULL)
		out_line_to(f, "Compared with %s:", from->full);
	else
		out_line_to(f, "There is nothing to compare it with:");
	changes_print(f, changes, LINES);
	return 0;
}

static int
differs(const char *what)
{
	return log_err(ERR_INTEGRITY,
	    "the statement names another %s than the version has: do not sign "
	    "it",
	    what);
}

int
review_agrees(const struct statement *s, const struct subject *subject)
{
	const struct statement_fields *f = statement_fields(s);
	const struct manifest *m = version_manifest(subject->version);

	if (strcmp(f->model, subject->m.model) != 0)
		return differs("model");
	if (!digest_equal(&f->version, &m->version))
		return differs("digest");
	if (!digest_equal(&f->root, &subject->root))
		return differs("root digest");
	if (f->put_by != NULL && strcmp(f->put_by, subject->m.by) != 0)
		return differs("uploader");
	if (f->about != STATEMENT_VERSION)
		return 0;
	if (f->files != subject->files)
		return differs("number of files");
	if (f->bytes != m->total_bytes || f->weights != m->weight_bytes)
		return differs("number of bytes");
	return 0;
}
