/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/story_grant.h"

#include <jansson.h>
#include <string.h>

#include "cli/out.h"

static const char *
text_of(const struct entry_view *v, const char *key)
{
	const char *text = entry_view_text(v, key);

	return text != NULL ? text : "";
}

static uint64_t
number_of(const struct entry_view *v, const char *key)
{
	uint64_t n;

	return entry_view_number(v, key, &n) == 0 ? n : 0;
}

/* Where, when, and how many at once. */
static void
tell_limits(const struct entry_view *v, FILE *f)
{
	const json_t *hosts = json_object_get(v->json, "hosts");
	const char *days = text_of(v, "days"), *hours = text_of(v, "hours");
	const char *zone = text_of(v, "zone");
	uint64_t sessions = number_of(v, "sessions");

	for (size_t i = 0; i < json_array_size(hosts); i++)
		fprintf(f, "%s%s", i == 0 ? ", on " : " or ",
		    json_string_value(json_array_get(hosts, i)));
	if (*days != '\0' || *hours != '\0')
		fprintf(f, ", %s%s%s %s", days,
		    *days != '\0' && *hours != '\0' ? " " : "", hours,
		    *zone != '\0' ? zone : "UTC");
	if (number_of(v, "approvals") != 0)
		fprintf(f, ", once %llu have approved it",
		    (unsigned long long)number_of(v, "approvals"));
	if (sessions != 0)
		fprintf(f, ", at most %llu session%s",
		    (unsigned long long)sessions, sessions == 1 ? "" : "s");
}

void
story_grant_tell_add(struct story *s, const struct entry_view *v, FILE *f)
{
	char count[OUT_COUNT], until[OUT_TIME];

	(void)s;
	fprintf(f, "grant %llu %s", (unsigned long long)number_of(v, "grant"),
	    text_of(v, "model"));
	if (text_of(v, "channel")[0] != '\0')
		fprintf(f, ":%s", text_of(v, "channel"));
	if (text_of(v, "version")[0] != '\0')
		fprintf(f, "@%.12s", text_of(v, "version"));
	fprintf(f, " to %s:", text_of(v, "to"));
	if (strcmp(text_of(v, "type"), "load") == 0)
		fprintf(f, " %s%s",
		    out_count(number_of(v, "loads"), "load", count),
		    text_of(v, "per")[0] != '\0' ? " a day" : "");
	else
		fprintf(f, " %s", text_of(v, "type"));
	if (entry_view_bool(v, "export"))
		fprintf(f, ", export");
	if (text_of(v, "until")[0] != '\0')
		fprintf(f, ", until %s UTC",
		    out_when(text_of(v, "until"), until));
	tell_limits(v, f);
	fprintf(f, ": %s", text_of(v, "reason"));
}

void
story_grant_tell_rm(struct story *s, const struct entry_view *v, FILE *f)
{
	(void)s;
	fprintf(f, "grant %llu", (unsigned long long)number_of(v, "grant"));
	if (text_of(v, "reason")[0] != '\0')
		fprintf(f, ": %s", text_of(v, "reason"));
}
