/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_ENTRY_H
#define WEIR_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/digest.h"
#include "vault/owned.h"
#include "vault/writer.h"

/*
 * Trail entries (FORMAT.md, "Entries"): written by a small typed builder,
 * read back as a tree of JSON.  No I/O.
 */

#define ENTRY_MAX 65535

enum entry_kind {
	ENTRY_INIT,
	ENTRY_KEYD_START,
	ENTRY_KEYD_STOP,
	ENTRY_ROLE_ADD,
	ENTRY_ROLE_RM,
	ENTRY_GRANT_ADD,
	ENTRY_GRANT_RM,
	ENTRY_PUT_BEGIN,
	ENTRY_PUT_KEYS,
	ENTRY_PUT,
	ENTRY_SESSION_OPEN,
	ENTRY_SESSION_REFUSED,
	ENTRY_SESSION_RESUME,
	ENTRY_RELEASE,
	ENTRY_EXTENTS,
	ENTRY_FAULT,
	ENTRY_SESSION_CLOSE,
	ENTRY_REFUSED,
	ENTRY_CHECK,
	ENTRY_CONFIG,
	ENTRY_VERIFY,
	ENTRY_STATEMENT_ADD,
	ENTRY_STATEMENT_SIGN,
	ENTRY_STATEMENT_WITHDRAW,
	ENTRY_SIGN_OMS,
	ENTRY_BUDGET_RESET,
	ENTRY_ALERT,
	ENTRY_ALERT_ACK,
	ENTRY_DECOY_ADD,
	ENTRY_DECOY_RM,
	ENTRY_SECRET_ADD,
	ENTRY_SECRET_RM,
	ENTRY_VERSION_RM,
	ENTRY_VERSION_UNDELETE,
	ENTRY_GC,
	ENTRY_SESSION_EXE,
	ENTRY_BACKUP,
	ENTRY_SHRED,
	ENTRY_LOCK,
	ENTRY_UNLOCK,
	ENTRY_REKEY,
	ENTRY_KINDS
};
const char *entry_kind_name(enum entry_kind k); /* "session.open" */
int entry_kind_parse(enum entry_kind *out, const char *name) MUST_USE;

/* Who did it. */
struct entry_actor {
	const char *principal; /* "user:alice", or "keyd" */
	int64_t uid;	       /* -1: absent */
};

/*
 * A builder: begin, fields in FORMAT.md's order, end.  Strings are escaped;
 * bytes that are not UTF-8 become U+FFFD.  An entry that would pass ENTRY_MAX,
 * one with a number above INT64_MAX, and one for which memory did not suffice
 * makes end return ERR_LIMIT.
 */
struct entry {
	struct writer w;
	unsigned int depth;
	uint32_t lists; /* bit d: what is open at depth d + 1 is a list */
	bool comma;
};
void entry_begin(struct entry *e, enum entry_kind kind,
    const struct entry_actor *by, int64_t time_ms);
void entry_free(struct entry *e);
#define OWNED_ENTRY __attribute__((cleanup(entry_free))) struct entry

/* key is NULL inside a list.  entry_text passes over a NULL value. */
void entry_text(struct entry *e, const char *key, const char *value);
void entry_number(struct entry *e, const char *key, uint64_t value);
void entry_bool(struct entry *e, const char *key, bool value);
void entry_digest(struct entry *e, const char *key, const struct digest *d);
void entry_time(struct entry *e, const char *key, int64_t time_ms);
/* JSON that is already well-formed and without white space (labels kept as
 * put gave them). */
void entry_json(struct entry *e, const char *key, const char *json);
void entry_open_list(struct entry *e, const char *key);
void entry_open_object(struct entry *e, const char *key);
void entry_close(struct entry *e);

/* Borrow the finished bytes, until entry_free.  Once. */
int entry_end(struct entry *e, const uint8_t **bytes, size_t *length) MUST_USE;

/* RFC 3339 UTC with milliseconds (years 0 to 9999; what lies beyond shows as
 * the nearest of them), and back (ERR_FORMAT; accepts a date, or a time with or
 * without a fraction, "Z" or an offset). */
#define ENTRY_TIME_SIZE 32
char *entry_time_text(int64_t time_ms, char buf[static ENTRY_TIME_SIZE]);
int entry_time_parse(int64_t *out, const char *text) MUST_USE;

/* Time and kind from how every entry of keyd's begins, in a fraction
 * of the time that parsing takes; the rest is not looked at.  False:
 * it begins otherwise. */
bool entry_peek(const void *bytes, size_t n, int64_t *time_ms,
    enum entry_kind *kind);

/*
 * A parsed entry.  json is a jansson object (json_t *), owned; by, kind
 * and time are checked to be there.  ERR_FORMAT.
 */
struct entry_view {
	void *json;
	enum entry_kind kind;
	const char *by; /* borrowed from json */
	int64_t time_ms;
};
int entry_parse(struct entry_view *out, const void *bytes, size_t length)
    MUST_USE;
void entry_view_clear(struct entry_view *v);

/*
 * Fields of a view.  Text is borrowed, NULL if there is none under that key;
 * the others give ERR_FORMAT if the field is absent or something else.  A
 * bool that is absent is false.
 */
const char *entry_view_text(const struct entry_view *v, const char *key);
int entry_view_number(const struct entry_view *v, const char *key,
    uint64_t *out) MUST_USE;
bool entry_view_bool(const struct entry_view *v, const char *key);
int entry_view_digest(const struct entry_view *v, const char *key,
    struct digest *out) MUST_USE;
int entry_view_time(const struct entry_view *v, const char *key, int64_t *out)
    MUST_USE;

#endif
