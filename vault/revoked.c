/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/revoked.h"

#include <stdio.h>
#include <string.h>

#include "vault/entry.h"
#include "vault/err.h"
#include "vault/fields.h"
#include "vault/ref.h"

#define KEY_SIZE (REF_NAME_MAX + 1 + DIGEST_HEX_SIZE)
#define FULL_DIGITS 64

static bool
key_ok(const char *key)
{
	struct ref r;

	return ref_parse(&r, key) == 0 && strlen(r.digits) == FULL_DIGITS;
}

static const char *
key_of(const char *model, const struct digest *version, char key[KEY_SIZE])
{
	char hex[DIGEST_HEX_SIZE];

	snprintf(key, KEY_SIZE, "%s@%s", model, digest_hex(version, hex));
	return key;
}

static int
read_one(struct revoked *out, const json_t *json, const struct why *why)
{
	struct fields f = fields_of(json, "revoked", why);
	struct revoked r = { .payload = fields_digest(&f, "payload"),
		.time_ms = fields_time(&f, "time"),
		.counted = fields_bool(&f, "counted") };
	const char *reason = fields_text(&f, "reason", STATEMENT_REASON_MAX);
	int err = fields_end(&f);

	if (err != 0)
		return err;
	snprintf(r.reason, sizeof(r.reason), "%s", reason);
	*out = r;
	return 0;
}

int
revoked_check(json_t *all, const struct why *why)
{
	struct revoked unused;
	const char *key;
	json_t *value;

	if (!json_is_object(all))
		return why_say(why, ERR_FORMAT, "'revoked' is no object");
	if (json_object_size(all) > REVOKED_MAX)
		return why_say(why, ERR_FORMAT,
		    "'revoked' has more than %d versions", REVOKED_MAX);
	json_object_foreach(all, key, value) {
		int err = key_ok(key) ?
		    read_one(&unused, value, why) :
		    why_say(why, ERR_FORMAT,
			"'revoked' has a key that is no MODEL@<64 digits>");

		if (err != 0)
			return err;
	}
	return 0;
}

bool
revoked_find(const json_t *all, const char *model, const struct digest *version,
    struct revoked *out)
{
	const struct why silent = { NULL, 0 };
	struct revoked unused;
	char key[KEY_SIZE];
	const json_t *one = json_object_get(all, key_of(model, version, key));

	/* It was checked, or written, as one that can be read. */
	return one != NULL &&
	    read_one(out != NULL ? out : &unused, one, &silent) == 0;
}

/* The first that does not count goes. */
static int
make_room(json_t *all)
{
	const char *key;
	json_t *value;

	json_object_foreach(all, key, value)
		if (json_is_false(json_object_get(value, "counted")))
			return json_object_del(all, key) == 0 ? 0 : ERR_NOMEM;
	return ERR_LIMIT;
}

int
revoked_add(json_t *all, const char *model, const struct digest *version,
    const struct revoked *r)
{
	char key[KEY_SIZE], time[ENTRY_TIME_SIZE];
	struct revoked was;
	bool known;
	int err = 0;

	if (!ref_name_ok(model) ||
	    !fields_text_ok(r->reason, STATEMENT_REASON_MAX))
		return ERR_USAGE;
	known = revoked_find(all, model, version, &was);
	if (known && (was.counted || !r->counted))
		return 0;
	if (!known && json_object_size(all) >= REVOKED_MAX)
		err = make_room(all);
	if (err != 0)
		return err;
	return json_object_set_new(all, key_of(model, version, key),
		   json_pack("{s:s, s:s, s:b, s:s}", "payload",
		       digest_hex(&r->payload, (char[DIGEST_HEX_SIZE]){ 0 }),
		       "time", entry_time_text(r->time_ms, time), "counted",
		       (int)r->counted, "reason", r->reason)) == 0 ?
	    0 :
	    ERR_NOMEM;
}

int
revoked_drop(json_t *all, const char *model, const struct digest *version)
{
	char key[KEY_SIZE];

	return json_object_del(all, key_of(model, version, key)) == 0 ?
	    0 :
	    ERR_NOT_FOUND;
}
