/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/asker.h"

#include <string.h>
#include <unistd.h>

#include "vault/err.h"
#include "vault/reader.h"

int
asker_come(struct asker *a, const char *vault, const char *key_file)
{
	struct unlock_source unlock = { .key_file = key_file,
		.no_prompt = true };
	struct client_how how = { .vault = vault,
		.unlock = &unlock,
		.program = "asker" };
	int err;

	*a = (struct asker){ 0 };
	err = client_open(&a->c, &how);
	if (err == 0)
		client_quiet(a->c, true);
	return err;
}

void
asker_go(struct asker *a)
{
	client_free(a->c);
	*a = (struct asker){ 0 };
}

int
asker_open(struct asker *a, const char *ref, const char *principal)
{
	OWNED_MEM(char) reference = strdup(ref);
	OWNED_MEM(char) who = strdup(principal);
	struct msg_session_open open = { .principal = who,
		.purpose = MSG_MOUNT,
		.mountpoint = (char[]){ "" },
		.host = (char[]){ "asker" },
		.pid = (uint32_t)getpid(),
		.exe = (char[]){ "" },
		.trust = MSG_UNSIGNED,
		.count = 1,
		.refs = &reference };
	struct msg_session s = { 0 };
	int err = ERR_NOMEM;

	if (reference != NULL && who != NULL)
		err = client_session_open(a->c, &open, &s);
	if (err == 0)
		a->session = s.session;
	msg_session_clear(&s);
	return err;
}

int
asker_take(struct asker *a, uint64_t first, uint32_t count, uint64_t *bytes)
{
	const struct msg_release m = { .session = a->session,
		.first = first,
		.count = count };
	struct msg_release_reply r = { 0 };
	uint64_t n = 0;
	int err = client_release(a->c, &m, &r);

	for (uint32_t i = 0; err == 0 && i < r.count; i++)
		n += r.rows[i].length;
	msg_release_reply_clear(&r);
	if (err == 0)
		*bytes = n;
	return err;
}

int
asker_grant(struct asker *a, const char *model, const char *to, uint32_t loads,
    uint64_t *id)
{
	OWNED_WRITER body = writer_of(MSG_TEXT_MAX);
	OWNED_MEM(char) name = strdup(model);
	OWNED_MEM(char) who = strdup(to);
	const struct msg_grant_add m = { .model = name,
		.channel = (char[]){ "" },
		.version = (char[]){ "" },
		.to = who,
		.type = MSG_GRANT_LOAD,
		.loads = loads,
		.reason = (char[]){ "asked for" } };
	struct reader reply;
	int err;

	if (name == NULL || who == NULL)
		return ERR_NOMEM;
	msg_grant_add_write(&body, &m);
	err = client_call(a->c, MSG_GRANT_ADD, &body, &reply);
	if (err != 0)
		return err;
	*id = reader_u64(&reply);
	return reader_end(&reply) ? 0 : ERR_FORMAT;
}

int
asker_grant_rm(struct asker *a, uint64_t id)
{
	OWNED_WRITER body = writer_of(MSG_TEXT_MAX);
	const struct msg_id_reason m = { .id = id, .reason = (char[]){ "" } };
	struct reader reply;

	msg_id_reason_write(&body, &m);
	return client_call(a->c, MSG_GRANT_RM, &body, &reply);
}
