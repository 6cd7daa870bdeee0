/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CATALOGUE_TABLES_H
#define WEIR_CATALOGUE_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#include "keys/catalogue.h"
#include "keys/sql.h"

/* The catalogue's tables and statements, for catalogue*.c. */

enum catalogue_sql {
	META_GET,
	META_SET,
	NOTE_GET,
	NOTE_SET,
	ROLE_ADD,
	ROLE_RM,
	ROLE_HELD,
	ROLE_HAS,
	ROLE_OWNERS,
	ROLE_ALL,
	GRANT_ADD,
	GRANT_RM,
	GRANT_APPROVE,
	GRANT_GET,
	GRANT_LIST,
	GRANT_EACH,
	FAMILY_ADD,
	FAMILY_GET,
	FAMILY_KEYS,
	FAMILY_REWRAP,
	FAMILY_NEXT,
	UPLOAD_STAGE,
	UPLOAD_BEGIN,
	UPLOAD_USE,
	UPLOAD_GET,
	UPLOAD_DROP,
	UPLOAD_DROP_ALL,
	UPLOAD_COUNT,
	VERSION_ADD,
	VERSION_GET,
	VERSION_LIST,
	VERSION_DIGITS,
	VERSION_VERIFIED,
	VERSION_REMOVE,
	VERSION_DUE,
	VERSION_PURGE,
	VERSION_NEWEST,
	UPLOAD_PURGE,
	UPLOAD_KEYS,
	UPLOAD_REWRAP,
	SHRED_BEGIN,
	SHRED_END,
	SHRED_PENDING,
	SHRED_LEFT,
	SHRED_FIND,
	SHRED_FACTS_SET,
	SHRED_FACTS_GET,
	SHRED_FACTS_RM,
	SHRED_PAYLOAD_SET,
	SHRED_PAYLOAD_GET,
	DOOMED_ADD,
	DOOMED_PAGES,
	DOOMED_NEXT,
	DOOMED_SET,
	DOOMED_COUNT,
	DOOMED_END,
	READ_LAST,
	READERS_OF,
	OBJECT_ADD,
	OBJECT_NEEDED,
	OBJECT_PRUNE,
	VERIFYING_GET,
	VERIFYING_SET,
	VERIFYING_DROP,
	CHANNEL_SET,
	CHANNEL_GET,
	CHANNEL_DROP,
	CHANNELS_TO,
	STATEMENT_ADD,
	STATEMENT_SIGNED,
	STATEMENT_SETTLE,
	STATEMENT_OVERTAKE,
	STATEMENT_ABANDON,
	STATEMENT_GET,
	STATEMENT_LIST,
	STATEMENT_IN_FORCE,
	STATEMENT_ROOTS,
	STATEMENT_ROOT,
	STATEMENT_SERIAL,
	STATEMENT_CHANNEL,
	STATEMENT_WAITING,
	STATEMENT_SAME,
	OMS_SET,
	OMS_GET,
	CHUNK_GET,
	CHUNK_ADD,
	CHUNK_LIST,
	CHUNK_RM,
	CHUNK_PAGES,
	CHUNK_PAGE_SET,
	VERSION_PAGES,
	VERSION_PAGE,
	VERSION_PAGE_SET,
	COVERED_GET,
	COVERED_SET,
	COVERED_LIST,
	COVERED_DROP_POOL,
	COVERED_DROP,
	BITS_GET,
	BITS_SET,
	BITS_LIST,
	BITS_END,
	BITS_DROP,
	USED_GET,
	USED_SET,
	USED_LIST,
	USED_DROP,
	SESSION_UNDER,
	ALERT_ADD,
	ALERT_ACK,
	ALERT_EACH,
	ALERT_COUNT,
	DECOY_ADD,
	DECOY_RM,
	DECOY_HAS,
	DECOY_EACH,
	SECRET_FILE_SET,
	SECRET_FILE_GET,
	SECRET_USED_SET,
	SECRET_USED_GET,
	SECRET_USED_DROP,
	SESSION_ADD,
	SESSION_ADD_VERSION,
	SESSION_CLOSE,
	SESSION_RELEASE,
	SESSION_READ,
	SESSION_OF_GRANT,
	SESSION_FAULT,
	SESSION_GET,
	SESSION_OPEN_LIST,
	SESSION_VERSIONS,
	SESSION_COUNT,
	CATALOGUE_STATEMENTS
};

struct catalogue {
	struct sql *sql;
	uint64_t applied;
	uint64_t watched;
	uint64_t counted; /* the same of budgets: behind, they are made again */
	uint64_t last[CATALOGUE_COUNTERS]; /* highest number given out */
	struct accounting_past past;
	bool dirty; /* since the last flush */
	bool begun; /* a transaction, not committed */
};

/* What entries about statements do, for catalogue_apply.c. */
int catalogue_statement_apply(struct catalogue *c, const struct entry_view *e)
    MUST_USE;
int catalogue_removal_apply(struct catalogue *c, const struct entry_view *e)
    MUST_USE;
int catalogue_oms_apply(struct catalogue *c, const struct entry_view *e)
    MUST_USE;
int catalogue_budget_apply(struct catalogue *c, const struct entry_view *e)
    MUST_USE;
int catalogue_alert_apply(struct catalogue *c, const struct entry_view *e)
    MUST_USE;
int catalogue_decoy_apply(struct catalogue *c, const struct entry_view *e)
    MUST_USE;
int catalogue_secret_apply(struct catalogue *c, const struct entry_view *e)
    MUST_USE;
int catalogue_shred_apply(struct catalogue *c, const struct entry_view *e)
    MUST_USE;
/* A version goes for good, key and rows, in the transaction at hand. */
int catalogue_removal_purge(struct catalogue *c, const char *model,
    const char *version) MUST_USE;
/* Of a family, what no version has any more is noted as doomed, and forgotten;
 * in the transaction at hand. */
int catalogue_object_doom(struct catalogue *c, uint64_t shred,
    const char *family) MUST_USE;
/* What a statement that takes a name, META_GET or the like, has
 * under it; absent: 0. */
int catalogue_number(struct catalogue *c, size_t statement, const char *name,
    uint64_t *out) MUST_USE;
/* size bytes that a statement has under a key; absent: zeros. */
int catalogue_bytes(struct catalogue *c, size_t statement,
    const struct sql_value *key, size_t keys, void *out, size_t size) MUST_USE;
/* Go on with the transaction, or begin one.  ERR_IO when the database has
 * dropped it, and with it what was applied: there is no going on. */
int catalogue_begin(struct catalogue *c) MUST_USE;

int catalogue_tables_open(struct sql **out, const char *path, bool create)
    MUST_USE;

#endif
