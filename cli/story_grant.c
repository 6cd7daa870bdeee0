/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/story_grant.h"
#include "cli/story_text.h"

#include <jansson.h>
#include <string.h>

#include "cli/out.h"

/* Where, when, how many at once, and by which programs. */
static void
tell_limits(const struct entry_view *v, FILE *f)
{
	const json_t *hosts = json_object_get(v->json, "hosts");
	const json_t *exes = json_object_get(v->json, "exes");
	const char *days = story_text(v, "days"),
		   *hours = story_text(v, "hours");
	const char *zone = story_text(v, "zone");
	uint64_t sessions = story_number(v, "sessions");

	for (size_t i = 0; i < json_array_size(hosts); i++)
		fprintf(f, "%s%s", i == 0 ? ", on " : " or ",
		    json_string_value(json_array_get(hosts, i)));
	if (*days != '\0' || *hours != '\0')
		fprintf(f, ", %s%s%s %s", days,
		    *days != '\0' && *hours != '\0' ? " " : "", hours,
		    *zone != '\0' ? zone : "UTC");
	if (story_number(v, "approvals") != 0)
		fprintf(f, ", once %llu have approved it",
		    (unsigned long long)story_number(v, "approvals"));
	if (sessions != 0)
		fprintf(f, ", at most %llu session%s",
		    (unsigned long long)sessions, sessions == 1 ? "" : "s");
	for (size_t i = 0; i < json_array_size(exes); i++)
		fprintf(f, "%s%.12s", i == 0 ? ", by programs " : " or ",
		    json_string_value(json_array_get(exes, i)));
}

void
story_grant_tell_add(struct story *s, const struct entry_view *v, FILE *f)
{
	char count[OUT_COUNT], until[OUT_TIME];

	(void)s;
	fprintf(f, "grant %llu %s",
	    (unsigned long long)story_number(v, "grant"),
	    story_text(v, "model"));
	if (story_text(v, "channel")[0] != '\0')
		fprintf(f, ":%s", story_text(v, "channel"));
	if (story_text(v, "version")[0] != '\0')
		fprintf(f, "@%.12s", story_text(v, "version"));
	fprintf(f, " to %s:", story_text(v, "to"));
	if (strcmp(story_text(v, "type"), "load") == 0)
		fprintf(f, " %s%s",
		    out_count(story_number(v, "loads"), "load", count),
		    story_text(v, "per")[0] != '\0' ? " a day" : "");
	else
		fprintf(f, " %s", story_text(v, "type"));
	if (entry_view_bool(v, "export"))
		fprintf(f, ", export");
	if (story_text(v, "until")[0] != '\0')
		fprintf(f, ", until %s UTC",
		    out_when(story_text(v, "until"), until));
	tell_limits(v, f);
	fprintf(f, ": %s", story_text(v, "reason"));
}

void
story_grant_tell_rm(struct story *s, const struct entry_view *v, FILE *f)
{
	(void)s;
	fprintf(f, "grant %llu", (unsigned long long)story_number(v, "grant"));
	if (story_text(v, "reason")[0] != '\0')
		fprintf(f, ": %s", story_text(v, "reason"));
}

void
story_grant_tell_reset(struct story *s, const struct entry_view *v, FILE *f)
{
	(void)s;
	fprintf(f, "the pool of %s begins anew: %s", story_text(v, "model"),
	    story_text(v, "reason"));
}

void
story_grant_tell_role(struct story *s, const struct entry_view *v, FILE *f)
{
	(void)s;
	fprintf(f, "%s", story_text(v, "role"));
	if (story_text(v, "family")[0] != '\0')
		fprintf(f, " of %s", story_text(v, "family"));
	fprintf(f, " %s %s", v->kind == ENTRY_ROLE_ADD ? "to" : "from",
	    story_text(v, "to"));
}
