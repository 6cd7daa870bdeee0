/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/story_alert.h"

#include "cli/talk.h"

void
story_alert_tell(const struct entry_view *v, FILE *f)
{
	const char *note = talk_text(v->json, "note");

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
