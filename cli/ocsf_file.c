/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/ocsf_parts.h"
#include "cli/out.h"
#include "cli/talk.h"
#include "vault/err.h"

/* File System Activity: what was mounted, released and read. */

#define OTHER 99
#define READ 2
#define ENCRYPT 10
#define MOUNT 12
#define UNMOUNT 13
#define OPEN 14

static const struct ocsf_class class = { 1001, "File System Activity", 1,
	"System Activity" };

/* The name behind the last slash. */
static const char *
base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static void
set_hash(struct ocsf_event *e, json_t *file, const struct digest *d)
{
	json_t *hash = ocsf_item(e, ocsf_list(e, file, "hashes"));
	char hex[DIGEST_HEX_SIZE];

	ocsf_number(e, hash, "algorithm_id", 3);
	ocsf_text(e, hash, "algorithm", "SHA-256");
	ocsf_text(e, hash, "value", digest_hex(d, hex));
}

/* A row of a version's file table; its name may not be known. */
static void
set_file(struct ocsf_event *e, uint64_t row)
{
	const struct manifest_file *f = story_file(e->o->how.story, e->e->v,
	    row);
	json_t *file = ocsf_object(e, e->j, "file");
	char unknown[32], uid[DIGEST_HEX_SIZE + 24];

	ocsf_number(e, file, "type_id", 1);
	ocsf_text(e, file, "type", "Regular File");
	snprintf(unknown, sizeof(unknown), "file #%" PRIu64, row);
	snprintf(uid, sizeof(uid), "%s#%" PRIu64, ocsf_word(e, "version"), row);
	ocsf_text(e, file, "uid", uid);
	ocsf_text(e, file, "version", ocsf_word(e, "version"));
	ocsf_set(e, file, "is_encrypted", json_true());
	if (f == NULL) {
		ocsf_text(e, file, "name", unknown);
		return;
	}
	ocsf_set(e, file, "name", out_text(base_of(f->path)));
	ocsf_set(e, file, "path", out_text(f->path));
	ocsf_number(e, file, "size", (int64_t)f->size);
	set_hash(e, file, &f->digest);
}

/* A version as a whole. */
static void
set_tree(struct ocsf_event *e, const char *model, const char *version,
    const char *path)
{
	json_t *file = ocsf_object(e, e->j, "file");

	ocsf_text(e, file, "name", model[0] != '\0' ? model : "unknown");
	ocsf_number(e, file, "type_id", 2);
	ocsf_text(e, file, "type", "Folder");
	ocsf_text(e, file, "uid", version);
	ocsf_text(e, file, "version", version);
	ocsf_text(e, file, "path", path);
	ocsf_set(e, file, "is_encrypted", json_true());
}

static void
set_device(struct ocsf_event *e)
{
	const char *host = talk_text(ocsf_session_of(e), "host");
	json_t *device = ocsf_object(e, e->j, "device");

	if (host[0] == '\0')
		host = ocsf_word(e, "host");
	if (host[0] == '\0')
		host = e->o->how.host;
	ocsf_text(e, device, "hostname", host);
	ocsf_number(e, device, "type_id", 1);
	ocsf_text(e, device, "type", "Server");
}

static void
set_process(struct ocsf_event *e, int64_t pid, const char *exe)
{
	json_t *p;

	if (pid <= 0)
		return;
	p = ocsf_object(e, json_object_get(e->j, "actor"), "process");
	ocsf_number(e, p, "pid", pid);
	ocsf_text(e, p, "path", exe);
	ocsf_text(e, p, "name", exe != NULL ? base_of(exe) : NULL);
}

static int
tell_release(struct ocsf_event *e, ocsf_emit *emit, void *arg)
{
	static const char *const counters[] = { "first", "count", "bytes",
		"weights", "fresh", "used", "pool" };
	json_t *u;

	ocsf_begin(e, &class, READ, "Read", OCSF_INFORMATIONAL);
	ocsf_actor(e, e->j);
	set_device(e);
	set_file(e, ocsf_count(e, "file"));
	ocsf_status(e, true, NULL);
	ocsf_allowed(e, true);
	u = json_object_get(e->j, "unmapped");
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		if (json_object_get(e->e->v->json, counters[i]) != NULL)
			ocsf_number(e, u, counters[i],
			    (int64_t)ocsf_count(e, counters[i]));
	return ocsf_end(e, emit, arg);
}

/* What a worker says was read: an event for each read. */
static int
tell_extents(struct ocsf_event *e, ocsf_emit *emit, void *arg)
{
	const json_t *read;
	size_t i;
	int r = 0;

	json_array_foreach(json_object_get(e->e->v->json, "reads"), i, read) {
		json_t *u;

		e->part = (unsigned int)i;
		ocsf_begin(e, &class, READ, "Read", OCSF_INFORMATIONAL);
		ocsf_actor(e, e->j);
		set_device(e);
		set_file(e,
		    (uint64_t)json_integer_value(json_array_get(read, 0)));
		set_process(e, json_integer_value(json_array_get(read, 4)),
		    json_string_value(json_array_get(read, 5)));
		ocsf_status(e, true, NULL);
		u = json_object_get(e->j, "unmapped");
		ocsf_number(e, u, "offset",
		    json_integer_value(json_array_get(read, 1)));
		ocsf_number(e, u, "bytes",
		    json_integer_value(json_array_get(read, 2)));
		ocsf_number(e, u, "reader_uid",
		    json_integer_value(json_array_get(read, 3)));
		r = ocsf_end(e, emit, arg);
		if (r != 0)
			return r;
	}
	return 0;
}

static int
tell_fault(struct ocsf_event *e, ocsf_emit *emit, void *arg)
{
	const json_t *row = json_object_get(e->e->v->json, "file");

	ocsf_begin(e, &class, READ, "Read", OCSF_HIGH);
	ocsf_actor(e, e->j);
	set_device(e);
	if (row != NULL)
		set_file(e, ocsf_count(e, "file"));
	else
		set_tree(e,
		    story_model(e->o->how.story, e->e->v) != NULL ?
			story_model(e->o->how.story, e->e->v) :
			"",
		    ocsf_word(e, "version"), NULL);
	ocsf_status(e, false, ocsf_word(e, "reason"));
	ocsf_text(e, e->j, "status_code", "EIO");
	ocsf_text(e, json_object_get(e->j, "unmapped"), "object",
	    ocsf_word(e, "object"));
	return ocsf_end(e, emit, arg);
}

/* Which activity a session is, by its purpose. */
static void
begin_session(struct ocsf_event *e, const char *purpose, bool closes,
    int severity)
{
	bool mount = strcmp(purpose, "get") != 0;

	if (closes && !mount)
		ocsf_begin(e, &class, OTHER, "Close", severity);
	else if (closes)
		ocsf_begin(e, &class, UNMOUNT, "Unmount", severity);
	else
		ocsf_begin(e, &class, mount ? MOUNT : OPEN,
		    mount ? "Mount" : "Open", severity);
	ocsf_actor(e, e->j);
	set_device(e);
}

/* An event for each of its versions. */
static int
tell_session(struct ocsf_event *e, ocsf_emit *emit, void *arg)
{
	const json_t *open = ocsf_session_of(e), *v;
	bool closes = e->e->v->kind == ENTRY_SESSION_CLOSE;
	size_t i;
	int r = 0;

	json_array_foreach(json_object_get(open, "versions"), i, v) {
		e->part = (unsigned int)i;
		begin_session(e, talk_text(open, "purpose"), closes,
		    OCSF_INFORMATIONAL);
		set_process(e, (int64_t)talk_number(open, "pid"),
		    talk_text(open, "exe"));
		set_tree(e, talk_text(v, "model"), talk_text(v, "version"),
		    talk_text(open, "mountpoint"));
		ocsf_status(e, true, closes ? ocsf_word(e, "reason") : NULL);
		if (!closes)
			ocsf_allowed(e, true);
		ocsf_number(e, json_object_get(e->j, "unmapped"), "grant",
		    (int64_t)talk_number(v, "grant"));
		r = ocsf_end(e, emit, arg);
		if (r != 0)
			return r;
	}
	return 0;
}

static int
tell_refused(struct ocsf_event *e, ocsf_emit *emit, void *arg)
{
	const json_t *refs = json_object_get(e->e->v->json, "refs");
	const char *ref = json_string_value(json_array_get(refs, 0));

	begin_session(e, ocsf_word(e, "purpose"), false, OCSF_MEDIUM);
	set_tree(e, ref != NULL ? ref : "", NULL, NULL);
	ocsf_status(e, false, ocsf_word(e, "reason"));
	ocsf_text(e, e->j, "status_code", "EACCES");
	ocsf_allowed(e, false);
	return ocsf_end(e, emit, arg);
}

static int
tell_put(struct ocsf_event *e, ocsf_emit *emit, void *arg)
{
	json_t *file;

	ocsf_begin(e, &class, ENCRYPT, "Encrypt", OCSF_INFORMATIONAL);
	ocsf_actor(e, e->j);
	set_device(e);
	set_tree(e, ocsf_word(e, "model"), ocsf_word(e, "version"), NULL);
	file = json_object_get(e->j, "file");
	ocsf_number(e, file, "size", (int64_t)ocsf_count(e, "bytes"));
	ocsf_status(e, true, NULL);
	return ocsf_end(e, emit, arg);
}

static int (*const tellers[ENTRY_KINDS])(struct ocsf_event *e, ocsf_emit *emit,
    void *arg) = {
	[ENTRY_PUT] = tell_put,
	[ENTRY_SESSION_OPEN] = tell_session,
	[ENTRY_SESSION_REFUSED] = tell_refused,
	[ENTRY_RELEASE] = tell_release,
	[ENTRY_EXTENTS] = tell_extents,
	[ENTRY_FAULT] = tell_fault,
	[ENTRY_SESSION_CLOSE] = tell_session,
};

int
ocsf_file_tell(struct ocsf *o, const struct ocsf_entry *entry, ocsf_emit *emit,
    void *arg)
{
	struct ocsf_event e = { .o = o, .e = entry };

	if (tellers[entry->v->kind] == NULL)
		return 0;
	return tellers[entry->v->kind](&e, emit, arg);
}
