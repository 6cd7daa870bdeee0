/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/catalogue_tables.h"

#define SCHEMA_VERSION 8

/*
 * state of an upload: 0 staged, 1 begun, 2 its key is a version's, 3 its
 * version is gone and its key with it.  A version is removed (when: not 0) and
 * kept until a time, for whoever wants it back.  verified is enum
 * catalogue_verified.  Statements: state is enum catalogue_state; envelope has
 * all signatures, signers the names of those that counted, a JSON list; payload
 * is the payload's digest.
 */
static const char schema[] =
    "create table meta (name text primary key, value integer not null)"
    " without rowid;"
    "create table notes (name text primary key, value integer not null)"
    " without rowid;"
    "create table roles (principal text not null, role integer not null,"
    " family text not null, primary key (principal, role, family))"
    " without rowid;"
    "create table grants (id integer primary key, model text not null,"
    " channel text not null, version text not null, principal text not null,"
    " type integer not null, loads integer not null, per_day integer not null,"
    " export integer not null, until integer not null, reason text not null,"
    " by text not null, created integer not null, hosts text not null,"
    " days text not null, hours text not null, zone text not null,"
    " max_sessions integer not null, approvals integer not null,"
    " approved integer not null, exes text not null,"
    " removed integer not null default 0,"
    " removed_by text not null default '',"
    " removed_reason text not null default '');"
    "create index grants_of on grants (principal, model);"
    "create table families (name text primary key, wrapped blob not null)"
    " without rowid;"
    "create table uploads (id integer primary key, model text not null,"
    " wrapped blob not null, state integer not null);"
    "create table versions (model text not null, version text not null,"
    " object text not null, upload integer not null, created integer not null,"
    " by text not null, files integer not null, bytes integer not null,"
    " weights integer not null, chunks integer not null, labels text not null,"
    " verified integer not null default 0,"
    " verify_reason text not null default '',"
    " verify_entry integer not null default 0,"
    " removed integer not null default 0,"
    " removed_until integer not null default 0,"
    " removed_by text not null default '',"
    " removed_reason text not null default '',"
    " primary key (model, version)) without rowid;"
    "create table version_objects (model text not null,"
    " version text not null, object blob not null,"
    " primary key (model, version, object)) without rowid;"
    "create index version_objects_by on version_objects (object);"
    "create table statements (id integer primary key, about integer not null,"
    " model text not null, channel text not null, version text not null,"
    " serial integer not null, act integer not null, back integer not null,"
    " number integer not null, expires integer not null,"
    " state integer not null, by text not null, created integer not null,"
    " settled integer not null, payload text not null,"
    " signers text not null, envelope text not null);"
    "create index statements_of on statements"
    " (about, state, model, channel, version);"
    "create index statements_waiting on statements (payload)"
    " where state = 0;"
    "create table verifying (model text not null, version text not null,"
    " files integer not null, primary key (model, version)) without rowid;"
    "create table oms (model text not null, version text not null,"
    " name text not null, ignored text not null, key text not null,"
    " sig text not null, by text not null, created integer not null,"
    " primary key (model, version)) without rowid;"
    "create table alerts (id integer primary key, entry integer not null,"
    " raised integer not null, rule text not null, severity integer not null,"
    " score integer not null, principal text not null, model text not null,"
    " version text not null, session integer not null, reason text not null,"
    " advice text not null, entries text not null,"
    " disposition integer not null default 0,"
    " acked integer not null default 0, acked_by text not null default '',"
    " note text not null default '');"
    "create index alerts_new on alerts (id) where disposition = 0;"
    "create table channels (model text not null, channel text not null,"
    " version text not null, primary key (model, channel)) without rowid;"
    "create table chunks (family text not null, object blob not null,"
    " number integer not null, primary key (family, object)) without rowid;"
    "create index chunks_by on chunks (object);"
    "create table chunk_pages (family text not null, page integer not null,"
    " weights blob not null, primary key (family, page));"
    "create table version_pages (model text not null, version text not null,"
    " page integer not null, numbers blob not null,"
    " primary key (model, version, page));"
    "create table covered (family text not null, who text not null,"
    " page integer not null, hours blob not null,"
    " primary key (family, who, page));"
    "create table session_pages (session integer not null,"
    " family text not null, page integer not null, bits blob not null,"
    " primary key (session, family, page));"
    "create table grant_used (grant_id integer not null, model text not null,"
    " version text not null, sum blob not null,"
    " primary key (grant_id, model, version));"
    "create table sessions (id integer primary key, principal text not null,"
    " by text not null, purpose integer not null, host text not null,"
    " pid integer not null, mountpoint text not null, opened integer not null,"
    " closed integer not null, releases integer not null,"
    " bytes integer not null, faults integer not null);"
    "create index sessions_open on sessions (id) where closed = 0;"
    "create table session_versions (session integer not null,"
    " n integer not null, model text not null, channel text not null,"
    " version text not null, grant_id integer not null, type integer not null,"
    " releases integer not null default 0, bytes integer not null default 0,"
    " fresh integer not null default 0, last integer not null default 0,"
    " primary key (session, n)) without rowid;"
    "create index session_grants on session_versions (grant_id, session);"
    "create index sessions_of on session_versions (model, version);"
    "create table shreds (id integer primary key, model text not null,"
    " version text not null, by text not null, begun integer not null,"
    " reason text not null, epoch integer not null,"
    " ended integer not null default 0, entry integer not null default 0);"
    "create table shred_facts (model text not null, version text not null,"
    " facts text not null, primary key (model, version)) without rowid;"
    "create table shred_payloads (id integer primary key,"
    " payload text not null);"
    "create table doomed (shred integer not null, object blob not null,"
    " what integer not null, primary key (shred, object)) without rowid;"
    "create table decoys (model text primary key, reason text not null,"
    " by text not null, since integer not null) without rowid;"
    "create table keyring (one integer primary key, file text not null);"
    "create table secrets (slot integer primary key,"
    " used integer not null);";

#define GRANT_COLUMNS                                                          \
	"id, model, channel, version, principal, type, loads, per_day,"        \
	" export, until, reason, by, created, hosts, days, hours, zone,"       \
	" max_sessions, approvals, approved, exes"
#define VERSION_COLUMNS                                                        \
	"model, version, object, upload, created, by, files, bytes, weights,"  \
	" chunks, labels"
#define VERSION_SEEN                                                           \
	VERSION_COLUMNS ", verified, verify_reason, verify_entry, removed,"    \
			" removed_until, removed_by, removed_reason"
#define STATEMENT_COLUMNS                                                      \
	"id, about, model, channel, version, serial, act, back, number,"       \
	" expires, state, by, created, settled, payload, signers, envelope"
/* What binds the newest ones, and gives them oldest first. */
#define STATEMENT_LAST(where)                                                  \
	"select * from (select " STATEMENT_COLUMNS                             \
	" from statements where " where                                        \
	" order by id desc limit 1000) order by id"
#define SESSION_COLUMNS                                                        \
	"id, principal, by, purpose, host, pid, mountpoint, opened, closed,"   \
	" releases, bytes, faults"

static const char *const statements[CATALOGUE_STATEMENTS] = {
	[META_GET] = "select value from meta where name = ?",
	[NOTE_GET] = "select value from notes where name = ?",
	[NOTE_SET] = "replace into notes (name, value) values (?, ?)",
	[META_SET] = "replace into meta (name, value) values (?, ?)",

	[ROLE_ADD] = "insert or ignore into roles (principal, role, family)"
		     " values (?, ?, ?)",
	[ROLE_RM] = "delete from roles where principal = ? and role = ?"
		    " and family = ?",
	[ROLE_HELD] = "select distinct role from roles where principal = ?",
	[ROLE_HAS] = "select 1 from roles where principal = ? and role = ?"
		     " and family = ?",
	[ROLE_OWNERS] = "select count(*) from roles where role = ?",
	[ROLE_ALL] = "select principal, role, family from roles"
		     " where (role, family, principal) > (?, ?, ?)"
		     " order by role, family, principal",

	[GRANT_ADD] = "replace into grants (" GRANT_COLUMNS ") values"
		      " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
		      " ?, ?, 0, ?)",
	[GRANT_APPROVE] = "update grants set approved = ? where id = ?"
			  " and approved = 0",
	[GRANT_RM] = "update grants set removed = ?, removed_by = ?,"
		     " removed_reason = ? where id = ? and removed = 0",
	[GRANT_GET] = "select " GRANT_COLUMNS ", removed, removed_by,"
		      " removed_reason from grants where id = ?",
	/* Each half finds its rows by an index, or none. */
	[GRANT_LIST] = "select " GRANT_COLUMNS " from grants"
		       " where principal = ?1 and (?2 = '' or model = ?2)"
		       " and removed = 0"
		       " union all select " GRANT_COLUMNS " from grants"
		       " where ?1 = '' and (?2 = '' or model = ?2)"
		       " and removed = 0 order by id",
	[GRANT_EACH] = "select " GRANT_COLUMNS ", removed, removed_by,"
		       " removed_reason from grants"
		       " where id > ?1 and (?2 = '' or principal = ?2)"
		       " and (?3 or removed = 0) order by id",

	[FAMILY_ADD] = "insert or ignore into families (name, wrapped)"
		       " values (?, ?)",
	[FAMILY_NEXT] = "select name from families where name > ?"
			" order by name limit 1",
	[FAMILY_KEYS] = "select name, wrapped from families where name > ?"
			" order by name limit 1",
	[FAMILY_REWRAP] = "update families set wrapped = ? where name = ?",
	[FAMILY_GET] = "select wrapped from families where name = ?",

	[UPLOAD_STAGE] = "replace into uploads (id, model, wrapped, state)"
			 " values (?, ?, ?, 0)",
	[UPLOAD_BEGIN] = "update uploads set state = 1"
			 " where id = ? and state = 0",
	[UPLOAD_USE] = "update uploads set state = 2 where id = ?",
	[UPLOAD_GET] = "select wrapped from uploads where id = ?",
	[UPLOAD_DROP] = "delete from uploads where id = ? and state < 2",
	[UPLOAD_DROP_ALL] = "delete from uploads where state < 2",
	[UPLOAD_COUNT] = "select count(*) from uploads where state = 1",

	[VERSION_ADD] = "insert or ignore into versions (" VERSION_COLUMNS ")"
			" values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[VERSION_GET] = "select " VERSION_SEEN " from versions"
			" where model = ?1 and version = ?2"
			" and (?3 or removed = 0)",
	[VERSION_LIST] = "select " VERSION_SEEN " from versions"
			 " where (?1 = '' or model = ?1)"
			 " and (model, upload) > (?2, ?3)"
			 " and (?4 or removed = 0)"
			 " order by model, upload",
	[VERSION_DIGITS] = "select version from versions where model = ?1"
			   " and version >= ?2 and version < ?2 || 'g'"
			   " and (removed <> 0) = ?3"
			   " order by version limit 2",
	[VERIFYING_GET] = "select files from verifying"
			  " where model = ? and version = ?",
	[VERIFYING_SET] = "insert or replace into verifying"
			  " (model, version, files) values (?, ?, ?)",
	[VERIFYING_DROP] = "delete from verifying"
			   " where model = ? and version = ?",
	[VERSION_VERIFIED] = "update versions set verified = ?,"
			     " verify_reason = ?, verify_entry = ?"
			     " where model = ? and version = ?",
	[VERSION_REMOVE] = "update versions set removed = ?,"
			   " removed_until = ?, removed_by = ?,"
			   " removed_reason = ? where model = ?"
			   " and version = ?",
	[VERSION_DUE] = "select model, version from versions"
			" where removed <> 0 and removed_until <= ?"
			" order by model, upload limit ?",
	[VERSION_PURGE] = "delete from versions"
			  " where model = ? and version = ?",
	[VERSION_NEWEST] = "select version from versions"
			   " where model = ? and removed = 0"
			   " order by upload desc limit 1",
	[UPLOAD_PURGE] = "update uploads set wrapped = x'', state = 3"
			 " where id = ?",
	[OBJECT_ADD] = "insert or ignore into version_objects"
		       " (model, version, object) values (?, ?, ?)",
	[OBJECT_NEEDED] = "select 1 where"
			  " exists (select 1 from chunks where object = ?1)"
			  " or exists (select 1 from version_objects"
			  " where object = ?1)",
	[OBJECT_PRUNE] = "delete from version_objects where model = ?1"
			 " and version not in"
			 " (select version from versions where model = ?1)",
	[UPLOAD_KEYS] = "select id, wrapped from uploads"
			" where id > ? and length(wrapped) > 0"
			" order by id limit 1",
	[UPLOAD_REWRAP] = "update uploads set wrapped = ? where id = ?",
	[SHRED_BEGIN] = "insert into shreds (id, model, version, by, begun,"
			" reason, epoch) values (?, ?, ?, ?, ?, ?, ?)",
	[SHRED_END] = "update shreds set ended = ?, entry = ?"
		      " where model = ? and version = ?",
	[SHRED_PENDING] = "select id, model, version, by, begun, reason, epoch,"
			  " ended, entry from shreds where ended = 0"
			  " order by id limit 1",
	[SHRED_LEFT] = "select id, model, version, by, begun, reason, epoch,"
		       " ended, entry from shreds where ended <> 0"
		       " and id in (select shred from doomed)"
		       " order by id limit 1",
	[SHRED_FIND] = "select id, model, version, by, begun, reason, epoch,"
		       " ended, entry from shreds where model = ?1"
		       " and version >= ?2 and version < ?2 || 'g'"
		       " order by id desc limit 1",
	[SHRED_FACTS_SET] = "replace into shred_facts (model, version, facts)"
			    " values (?, ?, ?)",
	[SHRED_FACTS_GET] = "select facts from shred_facts"
			    " where model = ? and version = ?",
	[SHRED_FACTS_RM] = "delete from shred_facts"
			   " where model = ? and version = ?",
	[SHRED_PAYLOAD_SET] = "replace into shred_payloads (id, payload)"
			      " values (?, ?)",
	[SHRED_PAYLOAD_GET] = "select payload from shred_payloads"
			      " where id = ?",
	[DOOMED_ADD] = "insert or ignore into doomed (shred, object, what)"
		       " values (?, ?, 0)",
	[DOOMED_PAGES] = "insert or ignore into doomed (shred, object, what)"
			 " select ?1, object, 0 from version_objects"
			 " where model = ?2 and version not in"
			 " (select version from versions where model = ?2)",
	[DOOMED_NEXT] = "select object from doomed"
			" where shred = ? and what = 0 limit ?",
	[DOOMED_SET] = "update doomed set what = ?"
		       " where shred = ? and object = ?",
	[DOOMED_COUNT] = "select what, count(*) from doomed where shred = ?"
			 " group by what",
	[DOOMED_END] = "delete from doomed where shred in (select id"
		       " from shreds where model = ? and version = ?)",
	[READ_LAST] = "select max(last) from session_versions"
		      " where model = ? and version = ?",
	[READERS_OF] = "select count(distinct v.session),"
		       " count(distinct case when s.purpose = 2"
		       " then v.session end)"
		       " from session_versions v join sessions s"
		       " on s.id = v.session where v.model = ?"
		       " and v.version = ? and v.releases > 0",
	[CHANNEL_SET] = "replace into channels (model, channel, version)"
			" values (?, ?, ?)",
	[CHANNEL_GET] = "select version from channels"
			" where model = ? and channel = ?",

	[CHANNEL_DROP] = "delete from channels"
			 " where model = ? and channel = ?",
	[CHANNELS_TO] = "select channel from channels"
			" where model = ? and version = ? and channel <> ?"
			" order by channel",

	[STATEMENT_ADD] = "replace into statements (" STATEMENT_COLUMNS ")"
			  " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
			  " ?, ?, ?)",
	[STATEMENT_SIGNED] = "update statements set envelope = ?,"
			     " signers = ? where id = ?",
	[STATEMENT_SETTLE] = "update statements set state = ?, settled = ?"
			     " where id = ? and state = 0",
	/* What waits and cannot take effect any more; what was in force. */
	[STATEMENT_OVERTAKE] = "update statements set state = 3, settled = ?"
			       " where about = ? and state = ? and model = ?"
			       " and channel = ? and (?6 = '' or version = ?6)"
			       " and id <> ?7",
	/* What waits for a grant that is gone. */
	[STATEMENT_ABANDON] = "update statements set state = 3, settled = ?1"
			      " where about = ?2 and state = 0 and number = ?3",
	[STATEMENT_GET] = "select " STATEMENT_COLUMNS " from statements"
			  " where id = ?",
	[STATEMENT_LIST] = STATEMENT_LAST("(?1 = '' or model = ?1)"),
	[STATEMENT_IN_FORCE] = "select " STATEMENT_COLUMNS " from statements"
			       " where about = ? and state = 1 and model = ?"
			       " and channel = '' and version = ?"
			       " order by id desc",
	[STATEMENT_ROOTS] = "select " STATEMENT_COLUMNS " from statements"
			    " where about = ? and state = 1 and number > ?"
			    " order by number",
	[STATEMENT_ROOT] = "select " STATEMENT_COLUMNS " from statements"
			   " where about = ? and state = 1"
			   " order by number desc limit 1",
	[STATEMENT_SERIAL] = "select " STATEMENT_COLUMNS " from statements"
			     " where about = ?1 and state = 1 and model = ?2"
			     " and channel = ?3 and (?4 = 0 or serial = ?4)"
			     " order by serial desc limit 1",
	[STATEMENT_CHANNEL] = STATEMENT_LAST("about = ? and state = 1"
					     " and model = ? and channel = ?"),
	[STATEMENT_WAITING] = "select count(*) from statements"
			      " where state = 0 and model = ?",
	[STATEMENT_SAME] = "select id from statements"
			   " where state = 0 and payload = ?",
	[OMS_SET] = "replace into oms (model, version, name, ignored, key, sig,"
		    " by, created) values (?, ?, ?, ?, ?, ?, ?, ?)",
	[OMS_GET] = "select name, ignored, key, sig from oms"
		    " where model = ? and version = ?",

	[CHUNK_GET] = "select number from chunks"
		      " where family = ? and object = ?",
	[CHUNK_ADD] = "insert into chunks (family, object, number)"
		      " values (?, ?, ?)",
	[CHUNK_LIST] = "select object, number from chunks where family = ?",
	[CHUNK_RM] = "delete from chunks where family = ? and object = ?",
	[CHUNK_PAGES] = "select weights from chunk_pages where family = ?"
			" order by page",
	[CHUNK_PAGE_SET] = "replace into chunk_pages (family, page, weights)"
			   " values (?, ?, ?)",
	[VERSION_PAGES] = "select numbers from version_pages"
			  " where model = ? and version = ? order by page",
	[VERSION_PAGE] = "select numbers from version_pages"
			 " where model = ? and version = ? and page = ?",
	[VERSION_PAGE_SET] = "replace into version_pages"
			     " (model, version, page, numbers)"
			     " values (?, ?, ?, ?)",
	[COVERED_GET] = "select hours from covered"
			" where family = ? and who = ? and page = ?",
	[COVERED_SET] = "replace into covered (family, who, page, hours)"
			" values (?, ?, ?, ?)",
	[COVERED_LIST] = "select who, page, hours from covered"
			 " where family = ? order by who, page",
	[COVERED_DROP_POOL] = "delete from covered"
			      " where family = ? and who = ''",
	[COVERED_DROP] = "delete from covered",
	[BITS_GET] = "select bits from session_pages"
		     " where session = ? and family = ? and page = ?",
	[BITS_SET] = "replace into session_pages (session, family, page, bits)"
		     " values (?, ?, ?, ?)",
	[BITS_LIST] = "select session, page, bits from session_pages"
		      " where family = ?",
	[BITS_END] = "delete from session_pages where session = ?",
	[BITS_DROP] = "delete from session_pages",
	[USED_GET] = "select sum from grant_used"
		     " where grant_id = ? and model = ? and version = ?",
	[USED_SET] = "replace into grant_used (grant_id, model, version, sum)"
		     " values (?, ?, ?, ?)",
	[USED_LIST] = "select grant_id, version, sum from grant_used"
		      " where model = ?",
	[USED_DROP] = "delete from grant_used",
	[SESSION_UNDER] = "select v.model, v.type, s.principal"
			  " from session_versions v"
			  " join sessions s on s.id = v.session"
			  " where v.session = ? and v.version = ?"
			  " and v.grant_id = ? limit 1",
	[ALERT_ADD] = "replace into alerts (id, entry, raised, rule, severity,"
		      " score, principal, model, version, session, reason,"
		      " advice, entries) values"
		      " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[ALERT_ACK] = "update alerts set disposition = ?, acked = ?,"
		      " acked_by = ?, note = ? where id = ?",
	[ALERT_EACH] = "select id, entry, raised, rule, severity, score,"
		       " principal, model, version, session, reason, advice,"
		       " entries, disposition, acked, acked_by, note"
		       " from alerts where id > ?1"
		       " and (?2 = '' or model = ?2) and (?3 = 0 or id = ?3)"
		       " and (?4 or disposition = 0) order by id",
	[ALERT_COUNT] = "select count(*) from alerts where disposition = 0",

	[DECOY_ADD] = "replace into decoys (model, reason, by, since)"
		      " values (?, ?, ?, ?)",
	[DECOY_RM] = "delete from decoys where model = ?",
	[DECOY_HAS] = "select 1 from decoys where model = ?",
	[DECOY_EACH] = "select model, reason, by, since from decoys"
		       " where model > ? order by model",

	[SECRET_FILE_SET] = "replace into keyring (one, file) values (1, ?)",
	[SECRET_FILE_GET] = "select file from keyring",
	[SECRET_USED_SET] = "replace into secrets (slot, used) values (?, ?)",
	[SECRET_USED_GET] = "select used from secrets where slot = ?",
	[SECRET_USED_DROP] = "delete from secrets where slot = ?",

	[SESSION_ADD] = "replace into sessions (" SESSION_COLUMNS ") values"
			" (?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0)",
	[SESSION_ADD_VERSION] = "replace into session_versions (session, n,"
				" model, channel, version, grant_id, type)"
				" values (?, ?, ?, ?, ?, ?, ?)",
	[SESSION_READ] = "update session_versions set releases = releases + 1,"
			 " bytes = bytes + ?, fresh = fresh + ?, last = ?"
			 " where session = ? and version = ?",
	[SESSION_OF_GRANT] = "select s.id, s.purpose, s.host, s.opened,"
			     " v.version, v.bytes, v.fresh, v.last"
			     " from session_versions v"
			     " join sessions s on s.id = v.session"
			     " where v.grant_id = ? and s.opened <= ?"
			     " order by v.session, v.n",
	[SESSION_CLOSE] = "update sessions set closed = ?"
			  " where id = ? and closed = 0",
	[SESSION_RELEASE] = "update sessions set releases = releases + 1,"
			    " bytes = bytes + ? where id = ?",
	[SESSION_FAULT] = "update sessions set faults = faults + 1"
			  " where id = ?",
	[SESSION_GET] = "select " SESSION_COLUMNS " from sessions"
			" where id = ?",
	[SESSION_OPEN_LIST] = "select " SESSION_COLUMNS " from sessions"
			      " where closed = 0 and id > ? order by id",
	[SESSION_VERSIONS] = "select model, channel, version, grant_id, type"
			     " from session_versions where session = ?"
			     " order by n",
	[SESSION_COUNT] = "select count(*) from sessions where closed = 0",
};

int
catalogue_tables_open(struct sql **out, const char *path, bool create)
{
	const struct sql_open how = {
		.path = path,
		.schema = schema,
		.version = SCHEMA_VERSION,
		.statements = statements,
		.count = CATALOGUE_STATEMENTS,
		.create = create,
	};

	return sql_open(out, &how);
}
