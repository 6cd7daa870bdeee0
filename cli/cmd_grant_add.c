/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/talk.h"
#include "keys/grant.h"
#include "vault/clock.h"
#include "vault/entry.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/program.h"

struct grant_args {
	struct options *o;
	const char *reference;
	const struct ref *ref; /* the same, parsed */
	const char *to;
	const char *loads;
	const char *until;
	const char *reason;
	const char *sessions;
	struct options_list hosts;
	struct options_list exes;
	const char *days, *hours, *zone;
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

/* Patterns as keyd takes them, a blank between two. */
static int
join_hosts(const struct grant_args *a, char out[static GRANT_HOSTS_SIZE])
{
	const char *wrong;
	size_t n = 0;

	*out = '\0';
	for (size_t i = 0; i < a->hosts.count; i++) {
		const char *one = a->hosts.items[i];

		if (*one == '\0' || strchr(one, ' ') != NULL)
			return options_wrong(a->o,
			    "--host is one pattern of a host's name");
		n += (size_t)snprintf(out + n, GRANT_HOSTS_SIZE - n, "%s%s",
		    i > 0 ? " " : "", one);
		if (n >= GRANT_HOSTS_SIZE)
			return options_wrong(a->o,
			    "--host: too many or too long patterns");
	}
	wrong = grant_host_wrong(out);
	return wrong == NULL ? 0 : options_wrong(a->o, "--host: %s", wrong);
}

static int
digest_of_file(const char *path, struct digest *out)
{
	OWNED_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int err;

	if (fd < 0)
		return log_sys("open '%s'", path);
	err = program_digest(fd, out);
	return err == 0 ? 0 :
			  log_err(err, "'%s': no program of at most 1 GiB: %s",
			      path, err_text(err));
}

/* A digest, or a program of this host, whose digest is taken. */
static int
digest_of_exe(const struct grant_args *a, const char *text,
    char out[static DIGEST_HEX_SIZE])
{
	struct digest d;
	int r;

	if (digest_parse(&d, text) != 0) {
		if (strchr(text, '/') == NULL)
			return options_wrong(a->o,
			    "--exe is the SHA-256 of a program, 64 lowercase "
			    "hex digits, or a path with a '/' in it: '%s'",
			    text);
		if ((r = digest_of_file(text, &d)) != 0)
			return r;
	}
	digest_hex(&d, out);
	return 0;
}

/* As keyd takes them, a blank between two. */
static int
join_exes(const struct grant_args *a, char out[static GRANT_EXES_SIZE])
{
	size_t n = 0;

	*out = '\0';
	if (a->exes.count > GRANT_EXES_MAX)
		return options_wrong(a->o, "--exe: a grant lists at most %d",
		    GRANT_EXES_MAX);
	for (size_t i = 0; i < a->exes.count; i++) {
		char hex[DIGEST_HEX_SIZE];
		int r = digest_of_exe(a, a->exes.items[i], hex);

		if (r != 0)
			return r;
		n += (size_t)snprintf(out + n, GRANT_EXES_SIZE - n, "%s%s",
		    i > 0 ? " " : "", hex);
	}
	return 0;
}

/* Days, hours and zone are keyd's to understand, and looked at here to say what
 * is wrong before anything is asked for. */
static int
check_limits(const struct grant_args *a, struct msg_grant_add *m)
{
	struct grant_when when;
	const char *wrong = grant_when_parse(&when,
	    a->days != NULL ? a->days : "", a->hours != NULL ? a->hours : "",
	    a->zone != NULL ? a->zone : "");
	uint64_t n;
	int r;

	if (wrong != NULL)
		return options_wrong(a->o, "%s", wrong);
	if (a->sessions == NULL)
		return 0;
	r = options_number(a->o, "--max-sessions", a->sessions,
	    GRANT_SESSIONS_MAX, &n);
	if (r == 0 && n == 0)
		return options_wrong(a->o, "--max-sessions must be at least 1");
	if (r == 0)
		m->max_sessions = (uint32_t)n;
	return r;
}

static int
check_arguments(const struct grant_args *a, struct msg_grant_add *m)
{
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
	if ((r = check_limits(a, m)) != 0 || a->until == NULL)
		return r;
	if ((r = options_time(a->o, "--until", a->until, 1, &m->until_ms)) != 0)
		return r;
	if (m->until_ms <= clock_wall_ms())
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

/* Where and when, as it was asked for. */
static void
say_limits(const struct grant_args *a, const struct msg_grant_add *m)
{
	for (size_t i = 0; i < a->hosts.count; i++)
		log_info("  on hosts '%s', as the mount's host says",
		    a->hosts.items[i]);
	if (a->days != NULL || a->hours != NULL)
		log_info("  %s%s%s %s, by weir-keyd's clock",
		    a->days != NULL ? a->days : "",
		    a->days != NULL && a->hours != NULL ? " " : "",
		    a->hours != NULL ? a->hours : "",
		    a->zone != NULL ? a->zone : "UTC");
	if (m->max_sessions != 0)
		log_info("  in %u session%s at once", m->max_sessions,
		    m->max_sessions == 1 ? "" : "s");
	for (size_t i = 0; i < a->exes.count; i++)
		log_info("  by the program %s: others are flagged, and not "
			 "refused",
		    a->exes.items[i]);
}

/* A model alone is granted, but nobody can open it: which of it? */
static void
say_next(const struct grant_args *a)
{
	const struct ref *r = a->ref;
	bool all = r->digits[0] == '\0' &&
	    (r->channel[0] == '\0' || strcmp(r->channel, "latest") == 0);

	log_info("next: as %s: weir mount %s%s MOUNTPOINT%s",
	    a->to + strlen("user:"), all ? r->name : a->reference,
	    all ? ":CHANNEL" : "", a->export ? ", or weir get" : "");
	if (all)
		log_info("      ('weir ls %s' has its channels and versions)",
		    r->name);
}

/* Who may load what how often, or browse it, and until when. */
static void
say_added(const struct grant_args *a, const struct msg_grant_add *m,
    uint64_t id)
{
	char loads[40] = "", until[OUT_TIME];

	if (m->type == MSG_GRANT_LOAD)
		snprintf(loads, sizeof(loads), " %u time%s%s", m->loads,
		    m->loads == 1 ? "" : "s", m->per_day ? " a day" : "");
	log_info("grant %llu: %s may %s '%s'%s%s, %s%s%s",
	    (unsigned long long)id, a->to,
	    m->type == MSG_GRANT_LOAD ? "load" : "browse", a->reference, loads,
	    a->export ? ", and get plain copies" : "",
	    m->until_ms != 0 ? "until " : "without an end",
	    m->until_ms != 0 ? out_time(m->until_ms, until) : "",
	    m->until_ms != 0 ? " UTC" : "");
	say_limits(a, m);
	if (m->type == MSG_GRANT_BROWSE)
		log_info(
		    "browsing sees at most 2 %% of the weights in 30 days");
	say_next(a);
}

/* Whether it waits for approvals, by keyd's list. */
static int
find_waiting(struct client *c, uint64_t id, uint64_t *approvals)
{
	struct msg_list all = { 0 };
	OWNED_JSON j = NULL;
	const json_t *g;
	size_t i;
	int r = talk_list(c, MSG_GRANT_LS, "grants", &all, &j);

	*approvals = 0;
	json_array_foreach(json_object_get(j, "grants"), i, g) {
		if (talk_number(g, "grant") == id &&
		    talk_text(g, "terms")[0] != '\0')
			*approvals = talk_number(g, "approvals");
	}
	return r;
}

static int
print_added(const struct grant_args *a, const struct msg_grant_add *m,
    struct client *c, uint64_t id)
{
	OWNED_JSON j = NULL;
	uint64_t approvals;
	int r;

	if ((r = find_waiting(c, id, &approvals)) != 0)
		return r;
	if (!a->o->quiet)
		say_added(a, m, id);
	if (!a->o->quiet && approvals > 0)
		log_info("proposed G%ju: 0 of %ju approvals, and not in force "
			 "before; next: weir grant approve %ju --key KEY",
		    (uintmax_t)id, (uintmax_t)approvals, (uintmax_t)id);
	talk_about(a->o, c, a->to);
	if (!a->o->json) {
		printf("%llu\n", (unsigned long long)id);
		return 0;
	}
	j = json_pack("{s:I, s:s, s:s, s:I}", "grant", (json_int_t)id,
	    "reference", a->reference, "to", a->to, "approvals",
	    (json_int_t)approvals);
	return j != NULL ? out_json(j) : ERR_NOMEM;
}

static char *
copy_of(const char *text)
{
	return strdup(text != NULL ? text : "");
}

/* A message's strings are not const, because it owns those that it reads. */
static int
send_grant(struct client *c, const struct grant_args *a,
    const struct msg_grant_add *m, struct ref *ref, uint64_t *id)
{
	OWNED_WRITER body = writer_of(4 * MSG_TEXT_MAX);
	OWNED_MEM(char) to = strdup(a->to);
	OWNED_MEM(char) reason = strdup(a->reason);
	OWNED_MEM(char) days = copy_of(a->days);
	OWNED_MEM(char) hours = copy_of(a->hours);
	OWNED_MEM(char) zone = copy_of(a->zone);
	struct msg_grant_add whole = *m;
	char digits[DIGEST_HEX_SIZE], hosts[GRANT_HOSTS_SIZE];
	char exes[GRANT_EXES_SIZE];
	struct reader reply;
	int r;

	if (to == NULL || reason == NULL || days == NULL || hours == NULL ||
	    zone == NULL)
		return ERR_NOMEM;
	if ((r = join_hosts(a, hosts)) != 0 || (r = join_exes(a, exes)) != 0)
		return r;
	if ((r = whole_digits(c, a, ref, digits)) != 0)
		return r;
	whole.model = ref->name;
	whole.channel = ref->channel;
	whole.version = digits;
	whole.to = to;
	whole.reason = reason;
	whole.hosts = hosts;
	whole.days = days;
	whole.hours = hours;
	whole.zone = zone;
	whole.exes = exes;
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
		{ "host", 0, OPTIONS_LIST, &a.hosts },
		{ "days", 0, OPTIONS_TEXT, &a.days },
		{ "hours", 0, OPTIONS_TEXT, &a.hours },
		{ "zone", 0, OPTIONS_TEXT, &a.zone },
		{ "max-sessions", 0, OPTIONS_TEXT, &a.sessions },
		{ "exe", 0, OPTIONS_LIST, &a.exes },
		{ "reason", 0, OPTIONS_TEXT, &a.reason },
		OPTIONS_END,
	};
	struct options_operands operands;
	struct msg_grant_add m = { 0 };
	OWNED(client) client = NULL;
	struct ref ref;
	uint64_t id = 0;
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0 ||
	    (r = talk_ref(o, operands.items[0], &ref)) != 0)
		return r;
	a.reference = operands.items[0];
	a.ref = &ref;
	if ((r = check_arguments(&a, &m)) != 0 ||
	    (r = talk_open(&client, o)) != 0 ||
	    (r = send_grant(client, &a, &m, &ref, &id)) != 0)
		return r;
	return print_added(&a, &m, client, id);
}
