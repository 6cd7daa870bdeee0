/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/talk.h"
#include "vault/entry.h"
#include "vault/err.h"
#include "vault/log.h"

struct grant_args {
	struct options *o;
	const char *reference;
	const char *to;
	const char *loads;
	const char *until;
	const char *reason;
	bool browse;
	bool export;
};

/* "12" or "12/day" */
static int
parse_loads(const struct grant_args *a, struct msg_grant_add *m)
{
	char number[16];
	const char *slash = strchr(a->loads, '/');
	size_t length = slash != NULL ? (size_t)(slash - a->loads) :
					strlen(a->loads);
	uint64_t n;
	int r;

	if (length >= sizeof(number))
		return options_wrong(a->o, "--loads: too large a number");
	memcpy(number, a->loads, length);
	number[length] = '\0';
	r = options_number(a->o, "--loads", number, UINT32_MAX, &n);
	if (r != 0)
		return r;
	if (n == 0)
		return options_wrong(a->o, "--loads must be at least 1");
	if (slash != NULL && strcmp(slash, "/day") != 0)
		return options_wrong(a->o, "--loads is N or N/day");
	m->type = MSG_GRANT_LOAD;
	m->loads = (uint32_t)n;
	m->per_day = slash != NULL;
	return 0;
}

static int
check_arguments(const struct grant_args *a, struct msg_grant_add *m)
{
	struct timespec now;
	int r;

	if (a->to == NULL)
		return options_wrong(a->o, "--to is missing: user:NAME");
	if ((r = options_principal(a->o, a->to)) != 0)
		return r;
	if ((a->loads != NULL) == a->browse)
		return options_wrong(a->o,
		    "say either --loads N (reads the whole) or --browse "
		    "(looks at small parts)");
	if (a->reason == NULL || a->reason[0] == '\0')
		return options_wrong(a->o,
		    "--reason is missing: why may they "
		    "read it? It is recorded");
	m->type = MSG_GRANT_BROWSE;
	if (a->loads != NULL && (r = parse_loads(a, m)) != 0)
		return r;

	m->export = a->export;
	if (a->until == NULL)
		return 0;
	if ((r = options_time(a->o, "--until", a->until, 1, &m->until_ms)) != 0)
		return r;
	clock_gettime(CLOCK_REALTIME, &now);
	if (m->until_ms <= (int64_t)now.tv_sec * 1000)
		return options_wrong(a->o, "--until has passed already");
	return 0;
}

/* keyd keeps whole digests: fewer digits are looked up first. */
static int
whole_digits(struct client *c, const struct grant_args *a,
    const struct ref *ref, char out[static DIGEST_HEX_SIZE])
{
	struct msg_version v;
	int r;

	snprintf(out, DIGEST_HEX_SIZE, "%s", ref->digits);
	if (out[0] == '\0' || strlen(out) == DIGEST_HEX_SIZE - 1)
		return 0;
	if ((r = client_version_get(c, a->reference, &v)) != 0)
		return r;
	digest_hex(&v.version, out);
	msg_version_clear(&v);
	return 0;
}

/* "10 loads a day", "browsing", and until when. */
static void
say_added(const struct grant_args *a, const struct msg_grant_add *m,
    uint64_t id)
{
	char loads[40] = "browse", until[OUT_TIME];

	if (m->type == MSG_GRANT_LOAD)
		snprintf(loads, sizeof(loads), "load %u time%s%s", m->loads,
		    m->loads == 1 ? "" : "s", m->per_day ? " a day" : "");
	log_info("grant %llu: %s may %s '%s'%s, %s%s%s", (unsigned long long)id,
	    a->to, loads, a->reference,
	    a->export ? ", and get plain copies" : "",
	    m->until_ms != 0 ? "until " : "without an end",
	    m->until_ms != 0 ? out_time(m->until_ms, until) : "",
	    m->until_ms != 0 ? " UTC" : "");
	log_info("not counted yet: %s; the rest of the grant is in force",
	    m->type == MSG_GRANT_LOAD ? "the number of loads" :
					"the 2 % that browsing may see");
	log_info("next: as %s: weir mount %s MOUNTPOINT%s",
	    a->to + strlen("user:"), a->reference,
	    a->export ? ", or weir get" : "");
}

static int
print_added(const struct grant_args *a, const struct msg_grant_add *m,
    struct client *c, uint64_t id)
{
	OWNED_JSON j = NULL;

	if (!a->o->quiet)
		say_added(a, m, id);
	talk_about(a->o, c, a->to);
	if (!a->o->json) {
		printf("%llu\n", (unsigned long long)id);
		return 0;
	}
	j = json_pack("{s:I, s:s, s:s}", "grant", (json_int_t)id, "reference",
	    a->reference, "to", a->to);
	return j != NULL ? out_json(j) : ERR_NOMEM;
}

/* A message's strings are not const, because it owns those that it reads. */
static int
send_grant(struct client *c, const struct grant_args *a,
    const struct msg_grant_add *m, struct ref *ref, uint64_t *id)
{
	OWNED_WRITER body = writer_of(4 * MSG_TEXT_MAX);
	OWNED_MEM(char) to = strdup(a->to);
	OWNED_MEM(char) reason = strdup(a->reason);
	struct msg_grant_add whole = *m;
	char digits[DIGEST_HEX_SIZE];
	struct reader reply;
	int r;

	if (to == NULL || reason == NULL)
		return ERR_NOMEM;
	if ((r = whole_digits(c, a, ref, digits)) != 0)
		return r;
	whole.model = ref->name;
	whole.channel = ref->channel;
	whole.version = digits;
	whole.to = to;
	whole.reason = reason;
	msg_grant_add_write(&body, &whole);
	if ((r = client_call(c, MSG_GRANT_ADD, &body, &reply)) != 0)
		return r;
	*id = reader_u64(&reply);
	return reader_end(&reply) ?
	    0 :
	    log_err(ERR_FORMAT, "keyd's answer is malformed");
}

int
cmd_grant_add(struct options *o, int argc, char **argv)
{
	struct grant_args a = { .o = o };
	const struct options_own own[] = {
		{ "to", 0, OPTIONS_TEXT, &a.to },
		{ "loads", 0, OPTIONS_TEXT, &a.loads },
		{ "browse", 0, OPTIONS_FLAG, &a.browse },
		{ "export", 0, OPTIONS_FLAG, &a.export },
		{ "until", 0, OPTIONS_TEXT, &a.until },
		{ "reason", 0, OPTIONS_TEXT, &a.reason },
		OPTIONS_END,
	};
	struct options_operands operands;
	struct msg_grant_add m = { 0 };
	OWNED(client) client = NULL;
	struct ref ref;
	uint64_t id;
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0 ||
	    (r = talk_ref(o, operands.items[0], &ref)) != 0)
		return r;
	a.reference = operands.items[0];
	if ((r = check_arguments(&a, &m)) != 0 ||
	    (r = talk_open(&client, o)) != 0 ||
	    (r = send_grant(client, &a, &m, &ref, &id)) != 0)
		return r;
	return print_added(&a, &m, client, id);
}

/* "5", "5/day", "browse" */
static void
describe_loads(const json_t *g, char *buf, size_t size)
{
	if (strcmp(talk_text(g, "type"), "load") != 0)
		snprintf(buf, size, "%s", talk_text(g, "type"));
	else
		snprintf(buf, size, "%llu%s",
		    (unsigned long long)talk_number(g, "loads"),
		    talk_bool(g, "per_day") ? "/day" : "");
}

/* "removed 2026-11-24 10:15 by user:maria: why", or that its time was up. */
static int
describe_end(const json_t *g, char **out)
{
	const char *reason = talk_text(g, "removed_reason");
	char removed[OUT_TIME];
	int n;

	if (talk_text(g, "removed")[0] == '\0') {
		*out = strdup(talk_bool(g, "expired") ? "its time was up" : "");
		return *out != NULL ? 0 : ERR_NOMEM;
	}
	out_when(talk_text(g, "removed"), removed);
	n = asprintf(out, "removed %s by %s%s%s", removed,
	    talk_text(g, "removed_by"), reason[0] != '\0' ? ": " : "", reason);
	if (n < 0)
		*out = NULL;
	return n < 0 ? ERR_NOMEM : 0;
}

static int
add_row(struct out_table *t, const json_t *g)
{
	char id[24], reference[REF_NAME_MAX + REF_CHANNEL_MAX + 16], loads[24];
	char until[OUT_TIME];
	OWNED_MEM(char) ended = NULL;
	const char *cells[] = { id, talk_text(g, "to"), reference, loads,
		talk_bool(g, "export") ? "yes" : "", until, talk_text(g, "by"),
		talk_text(g, "reason"), NULL };

	snprintf(id, sizeof(id), "%llu",
	    (unsigned long long)talk_number(g, "grant"));
	snprintf(reference, sizeof(reference), "%s%s%s%s%.12s",
	    talk_text(g, "model"), talk_text(g, "channel")[0] ? ":" : "",
	    talk_text(g, "channel"), talk_text(g, "version")[0] ? "@" : "",
	    talk_text(g, "version"));
	describe_loads(g, loads, sizeof(loads));
	out_when(talk_text(g, "until"), until);
	if (describe_end(g, &ended) != 0)
		return ERR_NOMEM;
	cells[8] = ended; /* a column with --all only */
	return out_table_add(t, cells);
}

int
cmd_grant_ls(struct options *o, int argc, char **argv)
{
	static const char *const heads[] = { ">ID", "TO", "MAY READ", "LOADS",
		"EXPORT", "UNTIL (UTC)", "BY", "REASON", "ENDED (UTC)" };
	struct msg_list m = { 0 };
	const struct options_own own[] = {
		{ "all", 0, OPTIONS_FLAG, &m.ended },
		OPTIONS_END,
	};
	struct options_operands none;
	OWNED(client) client = NULL;
	OWNED(out_table) table = NULL;
	OWNED_JSON j = NULL;
	json_t *g;
	size_t i;
	int r;

	if ((r = options_parse(o, own, argc, argv, &none)) != 0 ||
	    (r = talk_open(&client, o)) != 0 ||
	    (r = talk_list(client, MSG_GRANT_LS, "grants", &m, &j)) != 0)
		return r;
	if (o->json)
		return out_json(j);
	if ((r = out_table_new(&table, heads, m.ended ? 9 : 8)) != 0)
		return r;
	json_array_foreach(json_object_get(j, "grants"), i, g)
		if ((r = add_row(table, g)) != 0)
			return r;
	out_table_print(table);
	if (i == 0 && !o->quiet)
		log_info("no grants are here that you may see");
	else if (!o->quiet)
		log_info("not yet counted: the number of loads, and the 2 %% "
			 "that browsing may see; enforced: existence, end, "
			 "export, and small steps for browsing");
	return 0;
}

int
cmd_grant_rm(struct options *o, int argc, char **argv)
{
	const char *reason = NULL;
	const struct options_own own[] = {
		{ "reason", 0, OPTIONS_TEXT, &reason },
		OPTIONS_END,
	};
	struct options_operands operands;
	OWNED_WRITER body = writer_of(2 * MSG_TEXT_MAX);
	OWNED_MEM(char) copy = NULL;
	OWNED(client) client = NULL;
	OWNED_JSON j = NULL;
	struct msg_id_reason m;
	struct reader reply;
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0 ||
	    (r = options_number(o, "ID", operands.items[0], INT64_MAX,
		 &m.id)) != 0)
		return r;
	copy = strdup(reason != NULL ? reason : "");
	if (copy == NULL)
		return ERR_NOMEM;
	m.reason = copy;
	msg_id_reason_write(&body, &m);
	if ((r = talk_open(&client, o)) != 0 ||
	    (r = client_call(client, MSG_GRANT_RM, &body, &reply)) != 0)
		return r;
	if (!o->quiet)
		log_info("grant %llu is taken back, and its sessions end",
		    (unsigned long long)m.id);
	if (!o->json)
		return 0;
	j = json_pack("{s:I, s:b}", "grant", (json_int_t)m.id, "removed", true);
	return j != NULL ? out_json(j) : ERR_NOMEM;
}
