/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/seen.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "vault/clock.h"
#include "vault/entry.h"
#include "vault/err.h"
#include "vault/fields.h"
#include "vault/file.h"
#include "vault/log.h"
#include "vault/note.h"
#include "vault/ref.h"
#include "vault/seen_parts.h"
#include "vault/statement.h"

#define SEEN_REFUSED "refused"
#define SEEN_REFUSED_OLD "refused.old"
#define SEEN_MAX (32U << 20)
#define REFUSED_MAX (1U << 20) /* bytes, then a new file is begun */
#define KEY_MAX (REF_NAME_MAX + 1 + REF_CHANNEL_MAX)
#define WHY_SIZE 256
#define ESCAPED_SIZE 2048

void
seen_free(struct seen *s)
{
	if (s == NULL)
		return;
	file_free(s->lock);
	file_free(s->dir);
	json_decref(s->channels);
	json_decref(s->revoked);
	free(s->root);
	free(s->checkpoint);
	free(s);
}

/* --- reading --- */

static bool
key_ok(const char *key)
{
	struct ref r;

	return ref_parse(&r, key) == 0 && r.channel[0] != '\0';
}

static int
read_channel(struct seen_channel *out, const json_t *json,
    const struct why *why)
{
	struct fields f = fields_of(json, "channel", why);
	struct seen_channel c = {
		.serial = (uint64_t)fields_number(&f, "serial", 1,
		    FIELDS_NUMBER_MAX),
		.version = fields_digest(&f, "version"),
		.payload = fields_digest(&f, "payload"),
	};
	int err = fields_end(&f);

	if (err == 0)
		*out = c;
	return err;
}

/* On 0 the object is kept. */
static int
read_channels(struct seen *s, json_t *json, const struct why *why)
{
	struct seen_channel unused;
	const char *key;
	json_t *value;
	int err = 0;

	if (!json_is_object(json))
		return why_say(why, ERR_FORMAT, "'channels' is no object");
	json_object_foreach(json, key, value) {
		if (err == 0 && !key_ok(key))
			err = why_say(why, ERR_FORMAT,
			    "'channels' has a key that is no MODEL:CHANNEL");
		if (err == 0)
			err = read_channel(&unused, value, why);
	}
	if (err != 0)
		return err;
	json_decref(s->channels);
	s->channels = json_incref(json);
	return 0;
}

/* On 0 the object is kept. */
static int
read_revoked(struct seen *s, json_t *json, const struct why *why)
{
	int err = revoked_check(json, why);

	if (err != 0)
		return err;
	json_decref(s->revoked);
	s->revoked = json_incref(json);
	return 0;
}

static bool
is_how(const char *text)
{
	return strcmp(text, "pinned") == 0 || strcmp(text, "first-use") == 0;
}

static int
read_root(struct seen *s, const json_t *json, const struct why *why)
{
	struct fields f = fields_of(json, "root", why);
	const char *how;

	s->number = (uint64_t)fields_number(&f, "number", 1, FIELDS_NUMBER_MAX);
	how = fields_name(&f, "how", is_how);
	s->first_use = how != NULL && strcmp(how, "first-use") == 0;
	s->root = json_dumps(fields_value(&f, "envelope"), JSON_COMPACT);
	return s->root != NULL || f.err != 0 ? fields_end(&f) : ERR_NOMEM;
}

static int
read_all(struct seen *s, json_t *json, const struct why *why)
{
	struct fields f = fields_of(json, SEEN_FILE, why);
	const json_t *note = NULL;
	int err = 0;

	(void)fields_number(&f, "weir", 1, 1);
	if (fields_has(&f, "root"))
		err = read_root(s, fields_value(&f, "root"), why);
	(void)fields_value(&f, "channels");
	if (fields_has(&f, "revoked"))
		(void)fields_value(&f, "revoked");
	if (fields_has(&f, "checkpoint"))
		note = fields_value(&f, "checkpoint");
	if (err == 0)
		err = fields_end(&f);
	if (err == 0)
		err = read_channels(s, json_object_get(json, "channels"), why);
	if (err == 0 && json_object_get(json, "revoked") != NULL)
		err = read_revoked(s, json_object_get(json, "revoked"), why);
	if (err != 0 || note == NULL)
		return err;
	if (!json_is_string(note) || json_string_length(note) > NOTE_MAX)
		return why_say(why, ERR_FORMAT, "'checkpoint' is no note");
	s->checkpoint = strdup(json_string_value(note));
	return s->checkpoint != NULL ? 0 : ERR_NOMEM;
}

static int
load(struct seen *s)
{
	char text[WHY_SIZE] = "";
	const struct why why = { text, sizeof(text) };
	OWNED_MEM(uint8_t) bytes = NULL;
	json_auto_t *json = NULL;
	size_t n;
	int err = file_load(s->dir, SEEN_FILE, SEEN_MAX, &bytes, &n);

	if (err == ERR_NOT_FOUND)
		return 0;
	if (err == 0)
		err = fields_load(&json, bytes, n, SEEN_FILE, &why);
	if (err == 0)
		err = read_all(s, json, &why);
	if (err == ERR_FORMAT)
		return log_err(err,
		    "'%s/" SEEN_FILE "', what this host has seen of the vault, "
		    "cannot be understood: %s; restore it, or have it "
		    "forgotten (weir trust forget) and pin the trust root anew "
		    "(--trust)",
		    s->dir->name, text);
	return err;
}

int
seen_open_as(struct seen **out, const char *directory,
    const uint8_t vault[static 16], bool lock)
{
	OWNED(seen) s = calloc(1, sizeof(*s));
	int err;

	if (s == NULL)
		return ERR_NOMEM;
	s->channels = json_object();
	s->revoked = json_object();
	if (s->channels == NULL || s->revoked == NULL)
		return ERR_NOMEM;
	err = seen_place_open(&s->dir, directory, vault);
	if (err == 0 && lock)
		err = seen_place_lock(s);
	if (err == 0)
		err = load(s);
	if (err != 0)
		return err;
	*out = s;
	s = NULL;
	return 0;
}

/* --- writing --- */

/* Takes over value, which may be NULL. */
static int
set(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) == 0 ? 0 : ERR_NOMEM;
}

static json_t *
root_json(const struct seen *s)
{
	json_error_t why;

	return json_pack("{s:I, s:o, s:s}", "number", (json_int_t)s->number,
	    "envelope", json_loads(s->root, 0, &why), "how",
	    s->first_use ? "first-use" : "pinned");
}

/* All of it, or what is not the root. */
static int
all_json(const struct seen *s, json_t *json, json_t *root)
{
	int err = 0;

	if (s->root != NULL)
		err = set(json, "root", root);
	if (err == 0)
		err = set(json, "channels", json_incref(s->channels));
	if (err == 0 && json_object_size(s->revoked) > 0)
		err = set(json, "revoked", json_incref(s->revoked));
	if (err == 0 && s->checkpoint != NULL)
		err = set(json, "checkpoint", json_string(s->checkpoint));
	return err;
}

int
seen_save(struct seen *s)
{
	json_auto_t *json = json_pack("{s:i}", "weir", 1);
	OWNED_MEM(char) text = NULL;
	int err = json != NULL ? 0 : ERR_NOMEM;

	if (err == 0)
		err = all_json(s, json, s->root != NULL ? root_json(s) : NULL);
	if (err != 0)
		return err;
	text = json_dumps(json, JSON_COMPACT);
	if (text == NULL)
		return ERR_NOMEM;
	return file_replace(s->dir, SEEN_FILE, text, strlen(text), 0600);
}

/* --- what is in it --- */

static int
replace_text(char **text, const char *with)
{
	char *copy = strdup(with);

	if (copy == NULL)
		return ERR_NOMEM;
	free(*text);
	*text = copy;
	return 0;
}

const char *
seen_root(const struct seen *s, uint64_t *number, bool *first_use)
{
	*number = s->number;
	*first_use = s->first_use;
	return s->root;
}

int
seen_set_root(struct seen *s, const char *envelope, uint64_t number,
    bool first_use)
{
	int err = replace_text(&s->root, envelope);

	if (err != 0)
		return err;
	s->number = number;
	s->first_use = first_use;
	return 0;
}

struct seen_channel
seen_channel(const struct seen *s, const char *key)
{
	const struct why silent = { NULL, 0 };
	struct seen_channel c = { 0 };
	const json_t *json = json_object_get(s->channels, key);

	/* It was read, or written, as one that can be read. */
	if (json == NULL || read_channel(&c, json, &silent) != 0)
		return (struct seen_channel){ 0 };
	return c;
}

int
seen_set_channel(struct seen *s, const char *key, const struct seen_channel *c)
{
	char version[DIGEST_HEX_SIZE], payload[DIGEST_HEX_SIZE];

	if (!key_ok(key) || strlen(key) > KEY_MAX || c->serial == 0 ||
	    c->serial > FIELDS_NUMBER_MAX)
		return ERR_USAGE;
	return set(s->channels, key,
	    json_pack("{s:I, s:s, s:s}", "serial", (json_int_t)c->serial,
		"version", digest_hex(&c->version, version), "payload",
		digest_hex(&c->payload, payload)));
}

bool
seen_revoked(const struct seen *s, const char *model,
    const struct digest *version, struct revoked *out)
{
	return revoked_find(s->revoked, model, version, out);
}

int
seen_set_revoked(struct seen *s, const char *model,
    const struct digest *version, const struct revoked *r)
{
	return revoked_add(s->revoked, model, version, r);
}

int
seen_drop_revoked(struct seen *s, const char *model,
    const struct digest *version)
{
	return revoked_drop(s->revoked, model, version);
}

const char *
seen_checkpoint(const struct seen *s)
{
	return s->checkpoint;
}

int
seen_set_checkpoint(struct seen *s, const char *note)
{
	return strlen(note) <= NOTE_MAX ? replace_text(&s->checkpoint, note) :
					  ERR_LIMIT;
}

json_t *
seen_content(const struct seen *s)
{
	json_auto_t *root = s->root != NULL ? root_json(s) : NULL;
	json_t *json = json_object();

	(void)json_object_del(root, "envelope");
	if (all_json(s, json, json_incref(root)) == 0)
		return json;
	json_decref(json);
	return NULL;
}

/* --- refusals --- */

/* Whoever makes a host refuse again and again does not fill its disk. */
static int
make_room(const struct seen *s)
{
	struct stat st;

	if (fstatat(s->dir->fd, SEEN_REFUSED, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    st.st_size < REFUSED_MAX)
		return 0;
	if (renameat(s->dir->fd, SEEN_REFUSED, s->dir->fd, SEEN_REFUSED_OLD) !=
	    0)
		return log_sys("rename '%s/" SEEN_REFUSED "'", s->dir->name);
	return file_sync(s->dir);
}

/* What was cut in the middle of a character is no JSON. */
static json_t *
text_json(const char *text)
{
	json_t *j = json_string(text);
	char escaped[ESCAPED_SIZE];

	return j != NULL ?
	    j :
	    json_string(log_name(escaped, sizeof(escaped), text, strlen(text)));
}

static char *
refusal_line(const char *reference, const char *reason)
{
	char time[ENTRY_TIME_SIZE];
	json_auto_t *json = NULL;
	OWNED_MEM(char) text = NULL;
	char *line;

	entry_time_text(clock_wall_ms(), time);
	json = json_pack("{s:s, s:o, s:o}", "time", time, "reference",
	    text_json(reference), "reason", text_json(reason));
	text = json_dumps(json, JSON_COMPACT);
	if (text == NULL || asprintf(&line, "%s\n", text) < 0)
		return NULL;
	return line;
}

int
seen_refused(struct seen *s, const char *reference, const char *reason)
{
	OWNED_MEM(char) line = refusal_line(reference, reason);
	OWNED(file) f = NULL;
	uint64_t end;
	int err = line != NULL ? make_room(s) : ERR_NOMEM;

	if (err == 0)
		err = file_open(&f, s->dir, SEEN_REFUSED, O_RDWR | O_CREAT,
		    0600);
	if (err == 0)
		err = file_size(f, &end);
	if (err == 0)
		err = file_write_at(f, line, strlen(line), end);
	if (err == 0)
		err = file_sync(f);
	return err == 0 ? file_sync(s->dir) : err;
}
