/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/upload.h"

#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/talk.h"
#include "vault/err.h"
#include "vault/filesums.h"
#include "vault/log.h"
#include "vault/seen.h"

#define COMMIT_TRIES 8

/* An upload under way. */
struct way {
	const struct upload *u;
	struct client *client;
	struct file *memory;	   /* where filesums is kept, or NULL */
	struct filesums *filesums; /* or NULL */
	uint64_t id;
	struct digest digests[MSG_PUT_KEYS_MAX];
};

void
upload_done_clear(struct upload_done *d)
{
	intake_result_clear(&d->result);
}

/* What --allow-pickle let in, as a list. */
static int
make_imports(const struct model_imports *imports, char **out)
{
	OWNED_JSON j = json_array();

	for (size_t i = 0; i < imports->count; i++)
		if (json_array_append_new(j, json_string(imports->names[i])) !=
		    0)
			return ERR_NOMEM;
	*out = json_dumps(j, JSON_COMPACT);
	return *out != NULL ? 0 : ERR_NOMEM;
}

static int
chunk_keys(void *arg, const struct digest *digests, size_t count,
    uint8_t (*keys)[KEY_SIZE])
{
	struct way *w = arg;
	struct msg_put_keys_reply reply;
	struct msg_put_keys m = {
		.upload = w->id,
		.count = (uint32_t)count,
		.digests = w->digests,
	};
	int r;

	memcpy(w->digests, digests, count * sizeof(*digests));
	if ((r = client_put_keys(w->client, &m, &reply)) != 0)
		return r;
	if (reply.count == count)
		memcpy(keys, reply.keys, count * KEY_SIZE);
	else
		r = log_err(ERR_FORMAT, "keyd answered with %u keys, not %zu",
		    reply.count, count);
	msg_put_keys_reply_clear(&reply);
	return r;
}

/* Take the tree in under the keys that put.begin gave. */
static int
take_in(struct way *w, struct progress *progress,
    const struct msg_put_begin_reply *begun, struct intake_result *out)
{
	const struct upload *u = w->u;
	OWNED(page_key) manifest_key = NULL;
	OWNED(page_key) lockbox_key = NULL;
	OWNED(store) store = NULL;
	struct intake_keys keys = { .chunk_keys = chunk_keys, .arg = w };
	struct intake_how how = {
		.keys = &keys,
		.paths = u->paths,
		.path_count = u->path_count,
		.stdin_name = u->stdin_name,
		.allow_pickle = u->allow_pickle,
		.effort = u->effort,
		.filesums = w->filesums,
		.progress = progress_intake,
		.progress_arg = progress,
		.stop = u->o->stop,
	};
	int r;

	if ((r = talk_store(&store, u->o, true)) != 0 ||
	    (r = page_key_from(&manifest_key, begun->manifest_key)) != 0 ||
	    (r = page_key_from(&lockbox_key, begun->lockbox_key)) != 0)
		return r;
	how.store = store;
	keys.manifest_key = manifest_key;
	keys.lockbox_key = lockbox_key;
	return intake_run(&how, out);
}

static int
commit(struct way *w, const struct intake_result *result,
    enum msg_committed *how)
{
	OWNED_MEM(char) labels = strdup(w->u->labels);
	OWNED_MEM(char) imports = NULL;
	struct msg_put_commit m = {
		.upload = w->id,
		.version = result->version,
		.object = result->object,
		.files = result->files,
		.bytes = result->bytes,
		.weights = result->weights,
		.chunks = result->chunks,
	};
	int r;

	if (result->files == 0)
		return log_err(ERR_USAGE,
		    "there is no file in '%s': nothing was put",
		    w->u->paths[0]);
	if (labels == NULL)
		return ERR_NOMEM;
	if ((r = make_imports(&result->imports, &imports)) != 0)
		return r;
	m.labels = labels;
	m.imports = imports;
	return client_put_commit(w->client, &m, how);
}

/* What can be read once only cannot be stored again. */
static bool
reads_stdin(const struct upload *u)
{
	for (size_t i = 0; i < u->path_count; i++)
		if (strcmp(u->paths[i], "-") == 0)
			return true;
	return false;
}

/* Objects that were found there may have been collected before the commit; what
 * the first commit named is pinned for the next. */
static int
store_and_commit(struct way *w, struct progress *progress,
    const struct msg_put_begin_reply *begun, struct upload_done *d)
{
	enum msg_committed how = MSG_COMMITTED_NOT;

	for (int i = 0; i < COMMIT_TRIES; i++) {
		int r = take_in(w, progress, begun, &d->result);

		if (r == 0 && *w->u->o->stop)
			r = CMD_INTERRUPTED;
		else if (r != 0)
			return r;
		if (r == 0)
			r = commit(w, &d->result, &how);
		if (r == 0 && how != MSG_COMMITTED_NOT) {
			d->known = how == MSG_COMMITTED_KNOWN;
			return 0;
		}
		upload_done_clear(d);
		if (r != 0)
			return r;
		if (reads_stdin(w->u))
			break;
	}
	return log_err(ERR_CONFLICT,
	    "'weir gc' removed objects that this put had found in the vault:"
	    " run it again");
}

static void
way_clear(struct way *w)
{
	filesums_free(w->filesums);
	file_free(w->memory);
}

/* Where this user has no place for it, nothing is remembered: no put fails, or
 * complains, for that. */
static void
remember(struct way *w)
{
	log_hush(true);
	if (seen_vault_directory(&w->memory, client_peer(w->client)->vault) !=
	    0)
		w->memory = NULL;
	log_hush(false);
	if (w->memory != NULL && filesums_load(&w->filesums, w->memory) != 0)
		w->filesums = NULL;
}

static void
keep(const struct way *w)
{
	if (w->filesums != NULL && filesums_save(w->filesums, w->memory) != 0)
		log_warn("the next put hashes these files anew");
}

static int
finish(struct upload_done *out, struct upload_done *d)
{
	digest_hex(&d->result.version, d->hex);
	*out = *d;
	return 0;
}

int
upload_run(struct upload_done *out, const struct upload *u,
    struct client *client)
{
	__attribute__((cleanup(way_clear))) struct way w = { .u = u,
		.client = client };
	OWNED(progress) progress = NULL;
	struct msg_put_begin_reply begun;
	struct upload_done d = { 0 };
	int r;

	if ((r = progress_new(&progress, u->o->quiet)) != 0 ||
	    (r = client_put_begin(client, u->model, &begun)) != 0)
		return r;
	w.id = begun.upload;
	remember(&w);
	r = store_and_commit(&w, progress, &begun, &d);
	if (r == 0)
		keep(&w);
	msg_put_begin_reply_clear(&begun);
	progress_clear(progress);
	d.seconds = progress_seconds(progress);
	if (*u->o->stop) {
		if (r == 0)
			return finish(out, &d);
		log_info("interrupted: no version was made; what is stored "
			 "is found again when the command is run again");
		return CMD_INTERRUPTED;
	}
	return r == 0 ? finish(out, &d) : r;
}
