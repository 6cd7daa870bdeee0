/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <string.h>

#include "keys/watch.h"

static const char *
text(const void *json, const char *key)
{
	return json_string_value(json_object_get(json, key));
}

static uint64_t
number(const void *json, const char *key)
{
	const json_t *v = json_object_get(json, key);
	json_int_t n = json_is_integer(v) ? json_integer_value(v) : 0;

	return n > 0 ? (uint64_t)n : 0;
}

static uint32_t
number32(const void *json, const char *key)
{
	uint64_t n = number(json, key);

	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static struct digest
digest(const void *json, const char *key)
{
	const char *hex = text(json, key);
	struct digest d;

	if (hex == NULL || digest_parse(&d, hex) != 0)
		return (struct digest){ 0 };
	return d;
}

static enum msg_grant_type
grant_type(const void *json)
{
	const char *type = text(json, "type");

	return type != NULL && strcmp(type, "load") == 0 ? MSG_GRANT_LOAD :
							   MSG_GRANT_BROWSE;
}

static void
of_release(struct watch_event *e)
{
	e->session = number(e->json, "session");
	e->version = digest(e->json, "version");
	e->grant = number(e->json, "grant");
	e->file = number32(e->json, "file");
	e->first = number(e->json, "first");
	e->count = number32(e->json, "count");
	e->bytes = number(e->json, "bytes");
	e->weights = number(e->json, "weights");
	e->fresh = number(e->json, "fresh");
	e->used_ppm = number32(e->json, "used");
	e->pool_ppm = number32(e->json, "pool");
}

/* A row is [file, offset, length, uid, pid, exe]. */
static void
of_extents(struct watch_event *e)
{
	const json_t *reads = json_object_get(e->json, "reads");

	e->session = number(e->json, "session");
	e->version = digest(e->json, "version");
	for (size_t i = 0; i < json_array_size(reads); i++) {
		const json_t *row = json_array_get(reads, i);
		json_int_t length = json_integer_value(json_array_get(row, 2));
		const json_t *uid = json_array_get(row, 3);
		uint32_t reader;

		if (length > 0)
			e->read_bytes += (uint64_t)length;
		if (!json_is_integer(uid))
			continue;
		reader = (uint32_t)json_integer_value(uid);
		if (e->reader_count == 0 ||
		    (e->reader_count == 1 && e->readers[0] != reader))
			e->readers[e->reader_count++] = reader;
	}
}

static void
of_session(struct watch_event *e)
{
	struct watch_event_version v;

	e->session = number(e->json, "session");
	e->principal = text(e->json, "for");
	e->host = text(e->json, "host");
	e->purpose = text(e->json, "purpose");
	e->reason = text(e->json, "reason");
	if (e->kind == ENTRY_SESSION_REFUSED) {
		e->model = text(e->json, "model");
		if (e->model == NULL) /* an older weir's has references alone */
			e->model = json_string_value(
			    json_array_get(json_object_get(e->json, "refs"),
				0));
	} else if (watch_event_version(e, 0, &v)) {
		e->model = v.model;
		e->channel = v.channel;
		e->version = v.version;
		e->grant = v.grant;
		e->type = v.type;
	}
}

static void
of_statement(struct watch_event *e)
{
	const char *about = text(e->json, "about");
	bool effective = json_is_true(json_object_get(e->json, "effective"));

	e->model = text(e->json, "model");
	e->channel = text(e->json, "channel");
	e->version = digest(e->json, "version");
	if (about == NULL)
		return;
	e->revokes = effective && strcmp(about, "revocation") == 0;
	e->promotes = effective && strcmp(about, "promotion") == 0;
}

/* What all other kinds may have. */
static void
of_other(struct watch_event *e)
{
	e->session = number(e->json, "session");
	e->principal = text(e->json,
	    e->kind == ENTRY_REFUSED ? "for" : "principal");
	e->model = text(e->json, "model");
	e->channel = text(e->json, "channel");
	e->version = digest(e->json, "version");
	e->reason = text(e->json, "reason");
	e->request = text(e->json, "request");
	e->rule = text(e->json, "rule");
	e->boot = text(e->json, "boot");
	e->grant = number(e->json, "grant");
	e->type = grant_type(e->json);
	e->loads = number(e->json, "loads");
	e->total = e->kind == ENTRY_PUT ? number(e->json, "weights") : 0;
	e->damaged = number(e->json, "damaged") + number(e->json, "missing");
	e->exe = text(e->json, "exe");
	e->unlisted = json_object_get(e->json, "unlisted") != NULL;
}

void
watch_event_of(struct watch_event *out, uint64_t index,
    const struct entry_view *v)
{
	const json_t *uid = json_object_get(v->json, "uid");

	*out = (struct watch_event){
		.index = index,
		.kind = v->kind,
		.time_ms = v->time_ms,
		.clock = number(v->json, "clock"),
		.by = v->by,
		.uid = json_is_integer(uid) ? json_integer_value(uid) : -1,
		.json = v->json,
	};
	if (v->kind == ENTRY_RELEASE)
		of_release(out);
	else if (v->kind == ENTRY_EXTENTS)
		of_extents(out);
	else if (v->kind == ENTRY_SESSION_OPEN ||
	    v->kind == ENTRY_SESSION_REFUSED)
		of_session(out);
	else if (v->kind == ENTRY_STATEMENT_ADD ||
	    v->kind == ENTRY_STATEMENT_SIGN)
		of_statement(out);
	else
		of_other(out);
}

bool
watch_event_version(const struct watch_event *e, size_t n,
    struct watch_event_version *out)
{
	const json_t *v;

	if (e->json == NULL) {
		*out = (struct watch_event_version){
			.model = e->model,
			.channel = e->channel,
			.version = e->version,
			.grant = e->grant,
			.type = e->type,
		};
		return n == 0 && e->model != NULL;
	}
	v = json_array_get(json_object_get(e->json, "versions"), n);
	*out = (struct watch_event_version){
		.model = text(v, "model"),
		.channel = text(v, "channel"),
		.version = digest(v, "version"),
		.grant = number(v, "grant"),
		.type = grant_type(v),
	};
	return v != NULL && out->model != NULL;
}
