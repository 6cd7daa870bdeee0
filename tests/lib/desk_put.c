/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keys/frame.h"
#include "tests/lib/desk.h"
#include "vault/err.h"
#include "vault/intake.h"

/* What comes to a desk to be put. */

struct uploading {
	struct desk_person *p;
	uint64_t upload;
};

static int
chunk_keys(void *arg, const struct digest *digests, size_t count,
    uint8_t (*keys)[KEY_SIZE])
{
	const struct uploading *u = arg;
	OWNED_WRITER body = writer_of(FRAME_MAX);
	struct msg_put_keys_reply r;
	struct reader reply;
	int err;

	writer_u64(&body, u->upload);
	writer_u32(&body, (uint32_t)count);
	for (size_t i = 0; i < count; i++)
		writer_bytes(&body, digests[i].bytes, DIGEST_SIZE);
	err = desk_ask(u->p, MSG_PUT_KEYS, &body, &reply);
	if (err == 0)
		err = msg_put_keys_reply_read(&r, &reply);
	if (err == 0) {
		memcpy(keys, r.keys, count * KEY_SIZE);
		msg_put_keys_reply_clear(&r);
	}
	return err;
}

/* A tree of files f0, f1, ... whose bytes follow from their number. */
static void
make_tree(struct desk *d, const size_t *sizes, size_t count, char **out)
{
	DESK_MUST(asprintf(out, "%s/treeXXXXXX", d->scratch.path) < 0);
	DESK_MUST(mkdtemp(*out) == NULL);
	for (size_t i = 0; i < count; i++) {
		char *path;
		FILE *f;

		DESK_MUST(asprintf(&path, "%s/f%zu", *out, i) < 0);
		f = fopen(path, "wb");
		assert(f != NULL);
		for (size_t b = 0; b < sizes[i]; b++)
			putc((int)(b * 31 + b / 65536 * 7 + i) & 0xff, f);
		DESK_MUST(fclose(f));
		free(path);
	}
}

int
desk_begin(struct desk_person *p, const char *model,
    struct msg_put_begin_reply *out)
{
	OWNED_WRITER body = writer_of(4096);
	struct reader reply;
	int err;

	msg_string_write(&body, model);
	err = desk_ask(p, MSG_PUT_BEGIN, &body, &reply);
	if (err == 0)
		DESK_MUST(msg_put_begin_reply_read(out, &reply));
	return err;
}

int
desk_take_in(struct desk_person *p, const struct msg_put_begin_reply *begun,
    const size_t *sizes, size_t count, struct msg_put_commit *out)
{
	struct uploading u = { .p = p, .upload = begun->upload };
	struct intake_keys keys = { .chunk_keys = chunk_keys, .arg = &u };
	OWNED_MEM(char) tree = NULL;
	const bool stop = false;
	const char *path;
	const struct intake_how how = {
		.store = p->d->store,
		.keys = &keys,
		.paths = &path,
		.path_count = 1,
		.stop = &stop,
	};
	OWNED(page_key) manifest_key = NULL;
	OWNED(page_key) lockbox_key = NULL;
	struct intake_result r;
	int err;

	make_tree(p->d, sizes, count, &tree);
	path = tree;
	DESK_MUST(page_key_from(&manifest_key, begun->manifest_key));
	DESK_MUST(page_key_from(&lockbox_key, begun->lockbox_key));
	keys.manifest_key = manifest_key;
	keys.lockbox_key = lockbox_key;
	err = intake_run(&how, &r);
	if (err != 0)
		return err;
	*out = (struct msg_put_commit){
		.upload = begun->upload,
		.version = r.version,
		.object = r.object,
		.files = r.files,
		.bytes = r.bytes,
		.weights = r.weights,
		.chunks = r.chunks,
		.labels = p->labels,
	};
	intake_result_clear(&r);
	return 0;
}

static void
write_commit(struct writer *body, const struct msg_put_commit *m)
{
	char labels[] = "{\"a\":\"b\"}", imports[] = "[]";
	struct msg_put_commit whole = *m;

	if (m->labels == NULL)
		whole.labels = labels;
	if (m->imports == NULL)
		whole.imports = imports;
	msg_put_commit_write(body, &whole);
}

int
desk_commit(struct desk_person *p, const struct msg_put_commit *m)
{
	OWNED_WRITER body = writer_of(FRAME_MAX);

	write_commit(&body, m);
	return desk_ask(p, MSG_PUT_COMMIT, &body, NULL);
}

void
desk_commit_send(struct desk_person *p, const struct msg_put_commit *m)
{
	OWNED_WRITER body = writer_of(FRAME_MAX);

	write_commit(&body, m);
	desk_send(p, MSG_PUT_COMMIT, &body);
}

int
desk_put(struct desk_person *p, const char *model, const size_t *sizes,
    size_t count, struct digest *version)
{
	struct msg_put_begin_reply begun;
	struct msg_put_commit m;
	int err = desk_begin(p, model, &begun);

	if (err == 0)
		err = desk_take_in(p, &begun, sizes, count, &m);
	if (err != 0)
		return err;
	*version = m.version;
	m.labels = p->labels;
	return desk_commit(p, &m);
}
