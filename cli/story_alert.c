/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/story_alert.h"

#include "cli/talk.h"

static void
tell_decoy(const struct entry_view *v, FILE *f)
{
	fprintf(f, "%s is %s decoy: %s", talk_text(v->json, "model"),
	    v->kind == ENTRY_DECOY_ADD ? "a" : "no longer a",
	    talk_text(v->json, "reason"));
}

static void
tell_secret(const struct entry_view *v, FILE *f)
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

void
story_alert_tell(const struct entry_view *v, FILE *f)
{
	const char *note = talk_text(v->json, "note");

	if (v->kind == ENTRY_DECOY_ADD || v->kind == ENTRY_DECOY_RM) {
		tell_decoy(v, f);
		return;
	}
	if (v->kind == ENTRY_SECRET_ADD || v->kind == ENTRY_SECRET_RM) {
		tell_secret(v, f);
		return;
	}
	fprintf(f, "alert %llu ",
	    (unsigned long long)talk_number(v->json, "alert"));
	if (v->kind == ENTRY_ALERT)
		fprintf(f, "(%s, %s): %s", talk_text(v->json, "rule"),
		    talk_text(v->json, "severity"),
		    talk_text(v->json, "reason"));
	else
		fprintf(f, "is %s%s%s", talk_text(v->json, "disposition"),
		    note[0] != '\0' ? ": " : "", note);
}
