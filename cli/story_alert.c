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

void
story_alert_tell(const struct entry_view *v, FILE *f)
{
	const char *note = talk_text(v->json, "note");

	if (v->kind == ENTRY_DECOY_ADD || v->kind == ENTRY_DECOY_RM) {
		tell_decoy(v, f);
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
