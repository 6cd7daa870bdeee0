/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CMD_H
#define WEIR_CMD_H

#include <jansson.h>
#include <stdio.h>

#include "cli/options.h"

/*
 * The verbs.  argv[0] is the verb's (last) word.  A command has said what went
 * wrong when it returns; its result is 0, a negative enum err, or a positive
 * exit status of its own.
 */
typedef int cmd_fn(struct options *o, int argc, char **argv);

#define CMD_FAILED 1
#define CMD_INTEGRITY 3
#define CMD_DENIED 4
#define CMD_UNREACHABLE 7
#define CMD_FINDINGS 8
#define CMD_INTERRUPTED 130

cmd_fn cmd_init;
cmd_fn cmd_put;
cmd_fn cmd_get;
cmd_fn cmd_ls;
cmd_fn cmd_show;
cmd_fn cmd_check;
cmd_fn cmd_role_ls;
cmd_fn cmd_role_add;
cmd_fn cmd_role_rm;
cmd_fn cmd_grant_ls;
cmd_fn cmd_grant_add;
cmd_fn cmd_grant_rm;
cmd_fn cmd_grant_show;
cmd_fn cmd_grant_reset;
cmd_fn cmd_grant_explain;
cmd_fn cmd_grant_review;
cmd_fn cmd_grant_approve;
cmd_fn cmd_mount;
cmd_fn cmd_umount;
cmd_fn cmd_session_ls;
cmd_fn cmd_session_show;
cmd_fn cmd_session_close;
cmd_fn cmd_session_refresh;
cmd_fn cmd_audit_ls;
cmd_fn cmd_audit_show;
cmd_fn cmd_audit_replay;
cmd_fn cmd_audit_verify;
cmd_fn cmd_audit_checkpoint;
cmd_fn cmd_diff;
cmd_fn cmd_sign;
cmd_fn cmd_sign_oms;
cmd_fn cmd_verify_oms;
cmd_fn cmd_promote;
cmd_fn cmd_promote_ls;
cmd_fn cmd_promote_show;
cmd_fn cmd_promote_approve;
cmd_fn cmd_promote_withdraw;
cmd_fn cmd_rollback;
cmd_fn cmd_channel_log;
cmd_fn cmd_revoke;
cmd_fn cmd_trust_init;
cmd_fn cmd_trust_show;
cmd_fn cmd_trust_set;
cmd_fn cmd_trust_approve;
cmd_fn cmd_trust_withdraw;
cmd_fn cmd_trust_seen;
cmd_fn cmd_trust_forget;
cmd_fn cmd_key_gen;
cmd_fn cmd_key_ls;
cmd_fn cmd_key_show;
cmd_fn cmd_audit_reads;
cmd_fn cmd_audit_proof;
cmd_fn cmd_audit_cosign;
cmd_fn cmd_status;
cmd_fn cmd_doctor;
cmd_fn cmd_watch_check;
cmd_fn cmd_audit_export;
cmd_fn cmd_alert_ls;
cmd_fn cmd_alert_show;
cmd_fn cmd_alert_ack;
cmd_fn cmd_decoy_add;
cmd_fn cmd_decoy_ls;
cmd_fn cmd_decoy_rm;
cmd_fn cmd_backup;
cmd_fn cmd_restore;
cmd_fn cmd_secret_ls;
cmd_fn cmd_secret_add;
cmd_fn cmd_secret_rm;
cmd_fn cmd_secret_passwd;
cmd_fn cmd_lock;
cmd_fn cmd_unlock;
cmd_fn cmd_rekey;
cmd_fn cmd_rm;
cmd_fn cmd_undelete;
cmd_fn cmd_gc;
cmd_fn cmd_shred;
cmd_fn cmd_complete;
cmd_fn cmd_help;
cmd_fn cmd_version;
/* For --version, before any verb. */
int cmd_version_print(const struct options *o) MUST_USE;

/* The kinds of entries, a list for `weir help audit ls`. */
void cmd_audit_kinds(FILE *f);

/* Sessions as keyd lists them, as a table; `weir status` shows them, too. */
int cmd_session_table(const json_t *sessions) MUST_USE;
/* Lines about those whose channels have moved on since they were opened. */
void cmd_session_moved(const json_t *sessions);
/* What their mounts have trouble with, a line each. */
void cmd_session_trouble(const json_t *sessions);

#endif
