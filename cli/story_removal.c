/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/story_removal.h"

#include <string.h>

#include "cli/out.h"
#include "cli/talk.h"

static void
tell_rm(const struct entry_view *v, FILE *f)
{
	bool rm = v->kind == ENTRY_VERSION_RM;
	const char *reason = talk_text(v->json, "reason");
	char until[OUT_TIME];

	fprintf(f, "%s@%.12s is %s", talk_text(v->json, "model"),
	    talk_text(v->json, "version"), rm ? "removed" : "back");
	if (rm)
		fprintf(f, ", and can be brought back until %s",
		    out_when(talk_text(v->json, "until"), until));
	if (reason[0] != '\0')
		fprintf(f, ": %s", reason);
}

static void
tell_gc(const struct entry_view *v, FILE *f)
{
	const json_t *versions = json_object_get(v->json, "versions");
	char count[OUT_COUNT], size[OUT_SIZE];
	const json_t *one;
	size_t i;

	if (strcmp(talk_text(v->json, "stage"), "end") == 0) {
		fprintf(f, "%s removed, %s",
		    out_count(talk_number(v->json, "objects"), "object", count),
		    out_size(talk_number(v->json, "bytes"), size));
		return;
	}
	fprintf(f, "begins");
	json_array_foreach(versions, i, one)
		fprintf(f, "%s%s@%.12s", i == 0 ? "; gone for good: " : ", ",
		    talk_text(one, "model"), talk_text(one, "version"));
}

static void
tell_shred(const struct entry_view *v, FILE *f)
{
	const char *reason = talk_text(v->json, "reason");
	char count[OUT_COUNT];

	fprintf(f, "%s@%.12s ", talk_text(v->json, "model"),
	    talk_text(v->json, "version"));
	if (strcmp(talk_text(v->json, "stage"), "end") == 0) {
		fprintf(f, "is shredded: epoch %llu, %s removed",
		    (unsigned long long)talk_number(v->json, "epoch"),
		    out_count(talk_number(v->json, "objects"), "object",
			count));
		if (talk_number(v->json, "left") > 0)
			fprintf(f, ", %llu are still to go",
			    (unsigned long long)talk_number(v->json, "left"));
		return;
	}
	fprintf(f, "is to be shredded; %s ended",
	    out_count(talk_number(v->json, "sessions"), "session", count));
	if (reason[0] != '\0')
		fprintf(f, ": %s", reason);
}

void
story_removal_tell(struct story *s, const struct entry_view *v, FILE *f)
{
	(void)s;
	if (v->kind == ENTRY_SHRED)
		tell_shred(v, f);
	else if (v->kind == ENTRY_GC)
		tell_gc(v, f);
	else
		tell_rm(v, f);
}
