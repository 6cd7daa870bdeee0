/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/story.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "cli/out.h"
#include "cli/story_alert.h"
#include "cli/story_grant.h"
#include "cli/story_removal.h"
#include "cli/story_secret.h"
#include "cli/story_signed.h"
#include "cli/story_text.h"
#include "cli/story_version.h"
#include "cli/talk.h"
#include "vault/err.h"

/* A session, by its number. */
struct session {
	uint64_t id;
	char *principal;
	json_t *versions; /* as session.open listed them */
	UT_hash_handle hh;
};

struct story {
	struct session *sessions;
	struct story_versions *versions;
	struct story_signed *signed_by;
};

int
story_new(struct story **out, struct client *client, struct store *store)
{
	OWNED(story) s = calloc(1, sizeof(*s));
	int r;

	if (s == NULL)
		return ERR_NOMEM;
	if ((r = story_version_new(&s->versions, client, store)) != 0 ||
	    (r = story_signed_new(&s->signed_by)) != 0)
		return r;
	*out = s;
	s = NULL;
	return 0;
}

void
story_free(struct story *s)
{
	struct session *i, *next;

	if (s == NULL)
		return;
	HASH_ITER(hh, s->sessions, i, next) {
		HASH_DEL(s->sessions, i);
		free(i->principal);
		json_decref(i->versions);
		free(i);
	}
	story_version_free(s->versions);
	story_signed_free(s->signed_by);
	free(s);
}

static struct session *
session_of(const struct story *s, const struct entry_view *v)
{
	struct session *found;
	uint64_t id;

	if (entry_view_number(v, "session", &id) != 0)
		return NULL;
	HASH_FIND(hh, s->sessions, &id, sizeof(id), found);
	return found;
}

static int
learn_session(struct story *s, const struct entry_view *v)
{
	struct session *i;
	size_t n;
	json_t *version;
	json_t *list = json_object_get(v->json, "versions");
	int r;

	if (session_of(s, v) != NULL)
		return 0;
	i = calloc(1, sizeof(*i));
	if (i == NULL)
		return ERR_NOMEM;
	i->id = story_number(v, "session");
	i->principal = strdup(story_text(v, "for"));
	i->versions = json_incref(list);
	HASH_ADD(hh, s->sessions, id, sizeof(i->id), i);
	if (i->principal == NULL)
		return ERR_NOMEM;

	json_array_foreach(list, n, version) {
		r = story_version_learn(s->versions,
		    talk_text(version, "version"), talk_text(version, "model"));
		if (r != 0)
			return r;
	}
	return 0;
}

int
story_learn(struct story *s, const struct entry_view *v)
{
	if (v->kind == ENTRY_SESSION_OPEN)
		return learn_session(s, v);
	if (v->kind == ENTRY_STATEMENT_ADD)
		return story_signed_learn(s->signed_by, v);
	if (v->kind == ENTRY_PUT)
		return story_version_learn(s->versions,
		    story_text(v, "version"), story_text(v, "model"));
	return 0;
}

static const char *
model_of(const struct story *s, const struct entry_view *v)
{
	const char *model = entry_view_text(v, "model");
	const char *version = entry_view_text(v, "version");

	if (v->kind == ENTRY_STATEMENT_WITHDRAW)
		return story_signed_model(s->signed_by, v);
	if (model != NULL || version == NULL)
		return model;
	return story_version_model(s->versions, version);
}

bool
story_lacks(const struct story *s, const struct entry_view *v)
{
	const bool of_statement = v->kind == ENTRY_STATEMENT_WITHDRAW,
		   of_version = entry_view_text(v, "version") != NULL;

	return (story_number(v, "session") != 0 && session_of(s, v) == NULL) ||
	    ((of_statement || of_version) && model_of(s, v) == NULL);
}

static bool
lists_model(const json_t *versions, const char *model)
{
	json_t *version;
	size_t n;

	json_array_foreach(versions, n, version)
		if (strcmp(talk_text(version, "model"), model) == 0)
			return true;
	return false;
}

/* "llama", "llama:prod" and "llama@12345678" name the model "llama". */
static bool
refers_to(const json_t *refs, const char *model)
{
	size_t length = strlen(model);
	json_t *ref;
	size_t n;

	json_array_foreach(refs, n, ref) {
		const char *text = json_string_value(ref);

		if (text != NULL && strncmp(text, model, length) == 0 &&
		    strchr(":@", text[length]) != NULL)
			return true;
	}
	return false;
}

bool
story_about(const struct story *s, const struct entry_view *v,
    const char *model)
{
	const char *of = model_of(s, v);
	const struct session *session = session_of(s, v);

	if (v->kind == ENTRY_SESSION_REFUSED)
		return refers_to(json_object_get(v->json, "refs"), model);
	if (of != NULL)
		return strcmp(of, model) == 0;
	if (v->kind == ENTRY_ROLE_ADD || v->kind == ENTRY_ROLE_RM)
		return strcmp(story_text(v, "family"), model) == 0;
	return session != NULL && lists_model(session->versions, model);
}

bool
story_by(const struct story *s, const struct entry_view *v,
    const char *principal)
{
	const struct session *session = session_of(s, v);

	return strcmp(v->by, principal) == 0 ||
	    strcmp(story_text(v, "for"), principal) == 0 ||
	    (session != NULL && strcmp(session->principal, principal) == 0);
}

static const char *
path_of(struct story *s, const struct entry_view *v, uint64_t row)
{
	return story_version_path(s->versions, story_text(v, "version"), row);
}

/* The path of each read of extents. */
static json_t *
paths_of(struct story *s, const struct entry_view *v)
{
	json_t *paths = json_array();
	json_t *read;
	size_t i;

	json_array_foreach(json_object_get(v->json, "reads"), i, read) {
		json_int_t row = json_integer_value(json_array_get(read, 0));
		const char *path = path_of(s, v, (uint64_t)row);

		if (json_array_append_new(paths,
			path != NULL ? json_string(path) : json_null()) != 0) {
			json_decref(paths);
			return NULL;
		}
	}
	return paths;
}

int
story_json(struct story *s, uint64_t index, const struct entry_view *v,
    json_t **out)
{
	OWNED_JSON j = json_pack("{s:I}", "index", (json_int_t)index);
	const char *model = model_of(s, v);
	const char *path = NULL;
	uint64_t row;

	if (entry_view_number(v, "file", &row) == 0)
		path = path_of(s, v, row);
	if (j == NULL || json_object_update_missing(j, v->json) != 0)
		return ERR_NOMEM;
	if (model != NULL && json_object_get(j, "model") == NULL &&
	    out_set(j, "model", json_string(model)) != 0)
		return ERR_NOMEM;
	if (path != NULL && out_set(j, "path", json_string(path)) != 0)
		return ERR_NOMEM;
	if (v->kind == ENTRY_EXTENTS && out_set(j, "paths", paths_of(s, v)))
		return ERR_NOMEM;
	*out = j;
	j = NULL;
	return 0;
}

const char *
story_model(const struct story *s, const struct entry_view *v)
{
	return model_of(s, v);
}

const struct manifest_file *
story_file(struct story *s, const struct entry_view *v, uint64_t row)
{
	return story_version_file(s->versions, story_text(v, "version"), row);
}

size_t
story_unnamed(const struct story *s)
{
	return story_version_unnamed(s->versions);
}

/* "llama@0123456789ab" */
static void
tell_version(const struct story *s, const struct entry_view *v, FILE *f)
{
	const char *model = model_of(s, v);

	fprintf(f, "%s@%.12s", model != NULL ? model : "?",
	    story_text(v, "version"));
}

static void
tell_file(struct story *s, const struct entry_view *v, uint64_t row, FILE *f)
{
	const char *path = story_version_path(s->versions,
	    story_text(v, "version"), row);

	if (path != NULL)
		fprintf(f, "%s", path);
	else
		fprintf(f, "file #%llu", (unsigned long long)row);
}

static void
tell_release(struct story *s, const struct entry_view *v, FILE *f)
{
	uint64_t first = story_number(v, "first");
	uint64_t count = story_number(v, "count");
	char size[OUT_SIZE];

	tell_version(s, v, f);
	fputc(' ', f);
	tell_file(s, v, story_number(v, "file"), f);
	if (count > 1)
		fprintf(f, " chunks %llu..%llu", (unsigned long long)first,
		    (unsigned long long)(first + count - 1));
	else
		fprintf(f, " chunk %llu", (unsigned long long)first);
	fprintf(f, " %s session %llu", out_size(story_number(v, "bytes"), size),
	    (unsigned long long)story_number(v, "session"));
}

/* One read of extents: [file, offset, length, uid, pid, exe]. */
static void
tell_read(struct story *s, const struct entry_view *v, const json_t *read,
    FILE *f)
{
	json_int_t n[5];
	const char *exe = json_string_value(json_array_get(read, 5));

	for (size_t i = 0; i < 5; i++)
		n[i] = json_integer_value(json_array_get(read, i));
	fputc(' ', f);
	tell_file(s, v, (uint64_t)n[0], f);
	fprintf(f, " %lld+%lld by uid %lld pid %lld", (long long)n[1],
	    (long long)n[2], (long long)n[3], (long long)n[4]);
	if (exe != NULL && exe[0] != '\0')
		fprintf(f, " %s", exe);
}

static void
tell_exe(struct story *s, const struct entry_view *v, FILE *f)
{
	const char *exe = story_text(v, "exe"), *sha = story_text(v, "sha256");
	bool unlisted = json_object_get(v->json, "unlisted") != NULL;

	(void)s;
	fprintf(f, "session %llu is read by %s, pid %llu, %s%.12s%s",
	    (unsigned long long)story_number(v, "session"),
	    exe[0] != '\0' ? exe : "a program",
	    (unsigned long long)story_number(v, "pid"),
	    sha[0] != '\0' ? "sha256 " : "which could not be seen", sha,
	    unlisted ? ": not one that its grant lists" : "");
}

static void
tell_extents(struct story *s, const struct entry_view *v, FILE *f)
{
	const json_t *reads = json_object_get(v->json, "reads");
	json_t *read;
	size_t i;

	tell_version(s, v, f);
	fprintf(f, " session %llu says it read",
	    (unsigned long long)story_number(v, "session"));
	json_array_foreach(reads, i, read) {
		if (i == 3) {
			fprintf(f, "; and %zu more",
			    json_array_size(reads) - i);
			return;
		}
		if (i > 0)
			fputc(';', f);
		tell_read(s, v, read, f);
	}
}

static void
tell_fault(struct story *s, const struct entry_view *v, FILE *f)
{
	uint64_t row;

	tell_version(s, v, f);
	fputc(' ', f);
	if (entry_view_number(v, "file", &row) == 0) {
		tell_file(s, v, row, f);
		fputc(' ', f);
	}
	fprintf(f, "object %.12s session %llu: %s", story_text(v, "object"),
	    (unsigned long long)story_number(v, "session"),
	    story_text(v, "reason"));
}

static void
tell_session_open(struct story *s, const struct entry_view *v, FILE *f)
{
	json_t *version;
	size_t i;

	(void)s;
	fprintf(f, "session %llu",
	    (unsigned long long)story_number(v, "session"));
	if (strcmp(story_text(v, "for"), v->by) != 0)
		fprintf(f, " for %s", story_text(v, "for"));
	fprintf(f, " %s", story_text(v, "purpose"));
	json_array_foreach(json_object_get(v->json, "versions"), i, version)
		fprintf(f, "%s%s@%.12s (grant %llu, %s)", i > 0 ? ", " : " ",
		    talk_text(version, "model"), talk_text(version, "version"),
		    (unsigned long long)talk_number(version, "grant"),
		    talk_text(version, "type"));
	if (story_text(v, "mountpoint")[0] != '\0')
		fprintf(f, " at %s", story_text(v, "mountpoint"));
	fprintf(f, " on %s pid %llu", story_text(v, "host"),
	    (unsigned long long)story_number(v, "pid"));
	if (story_text(v, "exe")[0] != '\0')
		fprintf(f, " %s", story_text(v, "exe"));
}

static void
tell_session_refused(struct story *s, const struct entry_view *v, FILE *f)
{
	json_t *ref;
	size_t i;

	(void)s;
	fprintf(f, "%s", story_text(v, "purpose"));
	json_array_foreach(json_object_get(v->json, "refs"), i, ref)
		fprintf(f, " %s",
		    json_string_value(ref) ? json_string_value(ref) : "?");
	if (strcmp(story_text(v, "for"), v->by) != 0)
		fprintf(f, " for %s", story_text(v, "for"));
	if (story_text(v, "host")[0] != '\0')
		fprintf(f, " on %s", story_text(v, "host"));
	fprintf(f, ": %s", story_text(v, "reason"));
}

static void
tell_session(struct story *s, const struct entry_view *v, FILE *f)
{
	const struct session *session = session_of(s, v);

	fprintf(f, "session %llu",
	    (unsigned long long)story_number(v, "session"));
	if (session != NULL && strcmp(session->principal, v->by) != 0)
		fprintf(f, " of %s", session->principal);
	if (story_text(v, "reason")[0] != '\0')
		fprintf(f, ": %s", story_text(v, "reason"));
}

static void
tell_put(struct story *s, const struct entry_view *v, FILE *f)
{
	char size[OUT_SIZE], count[OUT_COUNT];
	const json_t *imports = json_object_get(v->json, "pickle");

	tell_version(s, v, f);
	fprintf(f, " %s %s", out_count(story_number(v, "files"), "file", count),
	    out_size(story_number(v, "bytes"), size));
	if (json_array_size(imports) > 0)
		fprintf(f, ", %s let in",
		    out_count(json_array_size(imports), "pickle import",
			count));
}

static void
tell_put_step(struct story *s, const struct entry_view *v, FILE *f)
{
	char count[OUT_COUNT];

	(void)s;
	if (v->kind == ENTRY_PUT_BEGIN)
		fprintf(f, "%s ", story_text(v, "model"));
	else
		fprintf(f, "%s ",
		    out_count(story_number(v, "count"), "chunk key", count));
	fprintf(f, "upload %llu",
	    (unsigned long long)story_number(v, "upload"));
}

static void
tell_keyd(struct story *s, const struct entry_view *v, FILE *f)
{
	(void)s;
	fprintf(f, "%s pid %llu weir %s", story_text(v, "mode"),
	    (unsigned long long)story_number(v, "pid"), story_text(v, "weir"));
}

static void
tell_init(struct story *s, const struct entry_view *v, FILE *f)
{
	(void)s;
	fprintf(f, "vault %s", story_text(v, "vault"));
}

static void
tell_refused(struct story *s, const struct entry_view *v, FILE *f)
{
	uint64_t more = story_number(v, "more");

	(void)s;
	fprintf(f, "%s: %s", story_text(v, "request"), story_text(v, "reason"));
	if (story_number(v, "session") > 0)
		fprintf(f, " (session %llu of %s)",
		    (unsigned long long)story_number(v, "session"),
		    story_text(v, "for"));
	if (more > 0)
		fprintf(f, ", and %llu more", (unsigned long long)more);
}

static void
tell_check(struct story *s, const struct entry_view *v, FILE *f)
{
	char size[OUT_SIZE], count[OUT_COUNT];

	(void)s;
	fprintf(f, "%s, %s %s: %llu damaged, %llu missing",
	    out_count(story_number(v, "objects"), "object", count),
	    out_size(story_number(v, "bytes"), size),
	    entry_view_bool(v, "data") ? "read" : "by headers and sizes",
	    (unsigned long long)story_number(v, "damaged"),
	    (unsigned long long)story_number(v, "missing"));
}

static void
tell_config(struct story *s, const struct entry_view *v, FILE *f)
{
	(void)s;
	fprintf(f, "%s = %s", story_text(v, "key"), story_text(v, "value"));
}

static void
tell_signed(struct story *s, const struct entry_view *v, FILE *f)
{
	story_signed_tell(s->signed_by, v, f);
}

static void
tell_alert(struct story *s, const struct entry_view *v, FILE *f)
{
	(void)s;
	story_alert_tell(v, f);
}

static void (*const tellers[ENTRY_KINDS])(struct story *s,
    const struct entry_view *v, FILE *f) = {
	[ENTRY_INIT] = tell_init,
	[ENTRY_KEYD_START] = tell_keyd,
	[ENTRY_KEYD_STOP] = tell_keyd,
	[ENTRY_ROLE_ADD] = story_grant_tell_role,
	[ENTRY_ROLE_RM] = story_grant_tell_role,
	[ENTRY_GRANT_ADD] = story_grant_tell_add,
	[ENTRY_GRANT_RM] = story_grant_tell_rm,
	[ENTRY_PUT_BEGIN] = tell_put_step,
	[ENTRY_PUT_KEYS] = tell_put_step,
	[ENTRY_PUT] = tell_put,
	[ENTRY_SESSION_OPEN] = tell_session_open,
	[ENTRY_SESSION_REFUSED] = tell_session_refused,
	[ENTRY_SESSION_RESUME] = tell_session,
	[ENTRY_RELEASE] = tell_release,
	[ENTRY_EXTENTS] = tell_extents,
	[ENTRY_SESSION_EXE] = tell_exe,
	[ENTRY_FAULT] = tell_fault,
	[ENTRY_SESSION_CLOSE] = tell_session,
	[ENTRY_REFUSED] = tell_refused,
	[ENTRY_CHECK] = tell_check,
	[ENTRY_CONFIG] = tell_config,
	[ENTRY_VERIFY] = tell_signed,
	[ENTRY_STATEMENT_ADD] = tell_signed,
	[ENTRY_STATEMENT_SIGN] = tell_signed,
	[ENTRY_STATEMENT_WITHDRAW] = tell_signed,
	[ENTRY_SIGN_OMS] = tell_signed,
	[ENTRY_BUDGET_RESET] = story_grant_tell_reset,
	[ENTRY_ALERT] = tell_alert,
	[ENTRY_ALERT_ACK] = tell_alert,
	[ENTRY_DECOY_ADD] = tell_alert,
	[ENTRY_DECOY_RM] = tell_alert,
	[ENTRY_SECRET_ADD] = story_secret_tell,
	[ENTRY_SECRET_RM] = story_secret_tell,
	[ENTRY_VERSION_RM] = story_removal_tell,
	[ENTRY_VERSION_UNDELETE] = story_removal_tell,
	[ENTRY_GC] = story_removal_tell,
	[ENTRY_BACKUP] = story_secret_tell,
	[ENTRY_SHRED] = story_removal_tell,
	[ENTRY_LOCK] = story_secret_tell,
	[ENTRY_UNLOCK] = story_secret_tell,
	[ENTRY_REKEY] = story_secret_tell,
};

int
story_tell(struct story *s, const struct entry_view *v, char **out)
{
	char *text = NULL;
	size_t length;
	FILE *f = open_memstream(&text, &length);

	if (f == NULL)
		return ERR_NOMEM;
	tellers[v->kind](s, v, f);
	if (fclose(f) != 0) {
		free(text);
		return ERR_NOMEM;
	}
	*out = text;
	return 0;
}
