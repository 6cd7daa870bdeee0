/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/fields.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "vault/entry.h"
#include "vault/err.h"
#include "vault/log.h"

int
fields_load(json_t **out, const void *text, size_t n, const char *where,
    const struct why *why)
{
	json_error_t e;
	json_t *j = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e);

	/* jansson has a code for each thing that can be wrong with the text;
	 * for most of what it has no memory for, it has none. */
	if (j == NULL &&
	    (json_error_code(&e) == json_error_out_of_memory ||
		json_error_code(&e) == json_error_unknown))
		return ERR_NOMEM;
	if (j == NULL)
		return why_say(why, ERR_FORMAT, "%s: %s at offset %d", where,
		    json_error_code(&e) == json_error_duplicate_key ?
			"a key that was there before" :
			"not JSON",
		    e.position);
	if (!json_is_object(j)) {
		json_decref(j);
		return why_say(why, ERR_FORMAT, "%s: not a JSON object", where);
	}
	*out = j;
	return 0;
}

struct fields
fields_of(const json_t *json, const char *where, const struct why *why)
{
	struct fields f = { .where = where, .why = *why };

	if (json_is_object(json))
		f.object = json;
	else
		f.err = why_say(why, ERR_FORMAT, "%s: not an object", where);
	return f;
}

void
fields_fail(struct fields *f, int err, const char *key, const char *what)
{
	char shown[WHY_NAME];

	if (f->err != 0)
		return;
	log_name(shown, sizeof(shown), key, strlen(key));
	f->err = why_say(&f->why, err, "%s: '%s' %s", f->where, shown, what);
}

bool
fields_has(const struct fields *f, const char *key)
{
	return json_object_get(f->object, key) != NULL;
}

const json_t *
fields_value(struct fields *f, const char *key)
{
	const json_t *v = json_object_get(f->object, key);

	if (v == NULL) {
		fields_fail(f, ERR_FORMAT, key, "is missing");
		return NULL;
	}
	assert(f->asked_count < FIELDS_MAX);
	f->asked[f->asked_count++] = key;
	return v;
}

/* No C0, no DEL, and none of C1 (U+0080 to U+009F); jansson lets nothing but
 * UTF-8 pass. */
bool
fields_text_ok(const char *text, size_t max)
{
	const uint8_t *s = (const uint8_t *)text;
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++) {
		if (s[i] < 0x20 || s[i] == 0x7f ||
		    (s[i] == 0xc2 && s[i + 1] < 0xa0))
			return false;
	}
	return n > 0 && n <= max;
}

static const char *
string(struct fields *f, const char *key)
{
	const json_t *v = fields_value(f, key);

	if (v != NULL && !json_is_string(v)) {
		fields_fail(f, ERR_FORMAT, key, "is not text");
		return NULL;
	}
	return json_string_value(v);
}

const char *
fields_text(struct fields *f, const char *key, size_t max)
{
	const char *text = string(f, key);

	if (text == NULL)
		return NULL;
	if (strlen(text) > max) {
		fields_fail(f, ERR_LIMIT, key, "is too long");
		return NULL;
	}
	if (!fields_text_ok(text, max)) {
		fields_fail(f, ERR_FORMAT, key,
		    "is empty, or has a control character");
		return NULL;
	}
	return text;
}

const char *
fields_text_if(struct fields *f, const char *key, size_t max)
{
	return fields_has(f, key) ? fields_text(f, key, max) : NULL;
}

const char *
fields_name(struct fields *f, const char *key, bool (*ok)(const char *text))
{
	const char *text = string(f, key);

	if (text != NULL && !ok(text)) {
		fields_fail(f, ERR_FORMAT, key, "is not well-formed");
		return NULL;
	}
	return text;
}

void
fields_expect(struct fields *f, const char *key, const char *text)
{
	const char *got = string(f, key);

	if (got != NULL && strcmp(got, text) != 0)
		fields_fail(f, ERR_FORMAT, key, "is another one");
}

int64_t
fields_number(struct fields *f, const char *key, int64_t low, int64_t high)
{
	const json_t *v = fields_value(f, key);
	int64_t n = json_integer_value(v);

	if (v == NULL)
		return low;
	if (!json_is_integer(v) || n < low || n > high) {
		char what[80];

		snprintf(what, sizeof(what),
		    "is not a whole number from %lld to %lld", (long long)low,
		    (long long)high);
		fields_fail(f, ERR_FORMAT, key, what);
		return low;
	}
	return n;
}

bool
fields_bool(struct fields *f, const char *key)
{
	const json_t *v = fields_value(f, key);

	if (v != NULL && !json_is_boolean(v))
		fields_fail(f, ERR_FORMAT, key, "is not true or false");
	return json_is_true(v);
}

struct digest
fields_digest(struct fields *f, const char *key)
{
	const char *text = string(f, key);
	struct digest d = { 0 };

	if (text != NULL && digest_parse(&d, text) != 0)
		fields_fail(f, ERR_FORMAT, key, "is not 64 lowercase digits");
	return d;
}

void
fields_hex(struct fields *f, const char *key, uint8_t *out, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const char *text = string(f, key);

	memset(out, 0, n);
	if (text == NULL)
		return;
	if (strlen(text) != 2 * n || strspn(text, digits) != 2 * n) {
		fields_fail(f, ERR_FORMAT, key,
		    "is not lowercase hex digits of its length");
		return;
	}
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)((strchr(digits, text[2 * i]) - digits) << 4 |
		    (strchr(digits, text[2 * i + 1]) - digits));
}

int64_t
fields_time(struct fields *f, const char *key)
{
	const char *text = string(f, key);
	char again[ENTRY_TIME_SIZE];
	int64_t ms;

	if (text == NULL)
		return 0;
	if (entry_time_parse(&ms, text) != 0 ||
	    strcmp(entry_time_text(ms, again), text) != 0) {
		fields_fail(f, ERR_FORMAT, key,
		    "is not a time like 2026-01-31T09:30:00.000Z");
		return 0;
	}
	return ms;
}

const json_t *
fields_array(struct fields *f, const char *key, size_t max)
{
	const json_t *v = fields_value(f, key);

	if (v != NULL && !json_is_array(v)) {
		fields_fail(f, ERR_FORMAT, key, "is not a list");
		return NULL;
	}
	if (json_array_size(v) > max) {
		fields_fail(f, ERR_LIMIT, key, "has too many items");
		return NULL;
	}
	return v;
}

static bool
was_asked(const struct fields *f, const char *key)
{
	for (size_t i = 0; i < f->asked_count; i++)
		if (strcmp(f->asked[i], key) == 0)
			return true;
	return false;
}

int
fields_end(struct fields *f)
{
	json_t *object = (json_t *)(uintptr_t)f->object; /* jansson's own */
	void *at;

	for (at = json_object_iter(object); f->err == 0 && at != NULL;
	     at = json_object_iter_next(object, at)) {
		if (!was_asked(f, json_object_iter_key(at)))
			fields_fail(f, ERR_FORMAT, json_object_iter_key(at),
			    "is not known here");
	}
	return f->err;
}
