/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/mounted.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "keys/session.h"
#include "vault/entry.h"
#include "vault/err.h"
#include "vault/log.h"

#define NAME_SIZE 512
#define LINE_SIZE 1024

static void
say_line(const struct mounted_how *how)
{
	const struct msg_session *s = how->session;
	char line[LINE_SIZE] = "", name[NAME_SIZE];

	for (uint16_t i = 0; i < s->count; i++) {
		const struct msg_version *v = &s->versions[i];
		const struct chain_version *c = &how->versions[i];
		char hex[DIGEST_HEX_SIZE];
		size_t n = strlen(line);

		digest_hex(&v->version, hex);
		hex[12] = '\0';
		snprintf(line + n, sizeof(line) - n, "%s%s%s%s@%s (%s%s)",
		    i > 0 ? ", " : "", v->model, v->channel[0] ? ":" : "",
		    v->channel, hex, c->is_signed ? "signed by " : "unsigned",
		    c->is_signed ? c->signed_by : "");
	}
	log_info("session %" PRIu64 ": %s at '%s'", s->session, line,
	    log_name(name, sizeof(name), how->mountpoint,
		strlen(how->mountpoint)));
}

/* Takes over value, which may be NULL, as the functions below. */
static bool
set(json_t *object, const char *name, json_t *value)
{
	return json_object_set_new(object, name, value) == 0;
}

static bool
set_signed(json_t *o, const struct chain_version *c)
{
	char until[ENTRY_TIME_SIZE];

	if (!set(o, "signed", json_boolean(c->is_signed)))
		return false;
	if (c->is_signed && !set(o, "signed_by", json_string(c->signed_by)))
		return false;
	return c->serial == 0 ||
	    (set(o, "serial", json_integer((json_int_t)c->serial)) &&
		set(o, "promoted_by", json_string(c->promoted_by)) &&
		set(o, "expires",
		    json_string(entry_time_text(c->expires_ms, until))));
}

static json_t *
version_json(const struct msg_version *v, const struct chain_version *c)
{
	json_t *o = json_object();
	char hex[DIGEST_HEX_SIZE];
	bool load = v->type == MSG_GRANT_LOAD;

	if (!set(o, "model", json_string(v->model)) ||
	    (v->channel[0] != '\0' &&
		!set(o, "channel", json_string(v->channel))) ||
	    !set(o, "version", json_string(digest_hex(&v->version, hex))) ||
	    !set(o, "grant", json_integer((json_int_t)v->grant)) ||
	    !set(o, "type", json_string(load ? "load" : "browse")) ||
	    !set_signed(o, c)) {
		json_decref(o);
		return NULL;
	}
	return o;
}

/* JSON has no bytes that are not UTF-8: those are escaped. */
static json_t *
path_json(const char *path)
{
	json_t *text = json_string(path);
	char name[PATH_MAX];

	if (text != NULL)
		return text;
	return json_string(log_name(name, sizeof(name), path, strlen(path)));
}

static json_t *
session_json(const struct mounted_how *how)
{
	const struct msg_session *s = how->session;
	json_t *o = json_object(), *list = json_array();
	bool ok = set(o, "session", json_integer((json_int_t)s->session)) &&
	    set(o, "mountpoint", path_json(how->mountpoint)) &&
	    set(o, "trust",
		json_string(session_trust_name((enum msg_trust)how->trust)));

	for (uint16_t i = 0; ok && i < s->count; i++)
		ok = json_array_append_new(list,
			 version_json(&s->versions[i], &how->versions[i])) == 0;
	if (!set(o, "versions", list) || !ok) {
		json_decref(o);
		return NULL;
	}
	return o;
}

int
mounted_say(const struct mounted_how *how)
{
	json_t *o;
	int bad;

	if (!how->quiet)
		say_line(how);
	if (!how->json)
		return 0;
	o = session_json(how);
	if (o == NULL)
		return ERR_NOMEM;
	bad = json_dumpf(o, stdout, JSON_COMPACT) != 0 || putchar('\n') == EOF;
	bad = fflush(stdout) != 0 || bad;
	json_decref(o);
	return bad ? log_err(ERR_IO, "cannot write to stdout") : 0;
}
