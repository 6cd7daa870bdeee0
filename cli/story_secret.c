/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/story_secret.h"

#include "cli/talk.h"

static void
tell_slot(const struct entry_view *v, FILE *f)
{
	uint64_t replaces = talk_number(v->json, "replaces");

	fprintf(f, "secret %llu (%s",
	    (unsigned long long)talk_number(v->json, "secret"),
	    talk_text(v->json, "label"));
	if (v->kind == ENTRY_SECRET_ADD)
		fprintf(f, ", %s", talk_text(v->json, "type"));
	if (replaces > 0)
		fprintf(f, ", in place of %llu", (unsigned long long)replaces);
	fprintf(f, "), by secret %llu",
	    (unsigned long long)talk_number(v->json, "proved"));
}

static void
tell_lock(const struct entry_view *v, FILE *f)
{
	const char *reason = talk_text(v->json, "reason");

	if (v->kind == ENTRY_LOCK)
		fprintf(f, "the vault%s%s", reason[0] != '\0' ? ": " : "",
		    reason);
	else
		fprintf(f, "the vault, by secret %llu",
		    (unsigned long long)talk_number(v->json, "secret"));
}

static void
tell_numbers(const char *what, const json_t *numbers, FILE *f)
{
	json_t *n;
	size_t i;

	json_array_foreach(numbers, i, n)
		fprintf(f, "%s %llu", i > 0 ? "," : what,
		    (unsigned long long)json_integer_value(n));
}

static void
tell_rekey(const struct entry_view *v, FILE *f)
{
	uint64_t recovery = talk_number(v->json, "secret");

	fprintf(f, "the root key is a new one, epoch %llu, by secret %llu",
	    (unsigned long long)talk_number(v->json, "epoch"),
	    (unsigned long long)talk_number(v->json, "proved"));
	tell_numbers("; kept:", json_object_get(v->json, "kept"), f);
	tell_numbers("; dropped:", json_object_get(v->json, "dropped"), f);
	if (recovery > 0)
		fprintf(f, "; recovery key %llu is new",
		    (unsigned long long)recovery);
}

void
story_secret_tell(struct story *s, const struct entry_view *v, FILE *f)
{
	(void)s;
	if (v->kind == ENTRY_LOCK || v->kind == ENTRY_UNLOCK)
		tell_lock(v, f);
	else if (v->kind == ENTRY_REKEY)
		tell_rekey(v, f);
	else if (v->kind == ENTRY_BACKUP)
		fprintf(f, "up to epoch %llu",
		    (unsigned long long)talk_number(v->json, "epoch"));
	else
		tell_slot(v, f);
}
