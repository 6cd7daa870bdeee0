/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/out.h"
#include "cli/talk.h"
#include "vault/entry.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/reader.h"
#include "vault/writer.h"

#define LIST_MAGIC "weirlst\n"
#define LIST_HEAD 24
#define COPY_SIZE ((size_t)1 << 20)
#define KEYS 11 /* of backup.json */

char *
backup_state(uint64_t entries, char buf[static BACKUP_STATE_SIZE])
{
	snprintf(buf, BACKUP_STATE_SIZE, "state-%020ju", (uintmax_t)entries);
	return buf;
}

/* --- backup.json --- */

static bool
take_number(const json_t *j, const char *key, uint64_t *out)
{
	const json_t *v = json_object_get(j, key);

	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return false;
	*out = (uint64_t)json_integer_value(v);
	return true;
}

static bool
take_digest(const json_t *j, const char *key, struct digest *out)
{
	return digest_parse(out, talk_text(j, key)) == 0;
}

static bool
take_id(const json_t *j, char out[static VAULTDIR_ID_SIZE])
{
	const char *id = talk_text(j, "id");

	if (strlen(id) != VAULTDIR_ID_SIZE - 1 ||
	    strspn(id, "0123456789abcdef") != VAULTDIR_ID_SIZE - 1)
		return false;
	memcpy(out, id, VAULTDIR_ID_SIZE);
	return true;
}

int
backup_parse(struct backup *out, const void *bytes, size_t n)
{
	struct backup b = { 0 };
	OWNED_JSON
	j = json_loadb(bytes, n, JSON_REJECT_DUPLICATES, NULL);

	if (json_object_size(j) != KEYS ||
	    json_integer_value(json_object_get(j, "weir_backup")) != 1 ||
	    !take_id(j, b.id) ||
	    entry_time_parse(&b.made_ms, talk_text(j, "made")) != 0 ||
	    !take_number(j, "entries", &b.entries) ||
	    !take_number(j, "epoch", &b.epoch) ||
	    !take_number(j, "objects", &b.objects) ||
	    !take_number(j, "bytes", &b.bytes) ||
	    !take_digest(j, "epoch_sha256", &b.epoch_digest) ||
	    !take_digest(j, "keyring_sha256", &b.keyring) ||
	    !take_digest(j, "catalogue_sha256", &b.catalogue) ||
	    !take_digest(j, "list_sha256", &b.list))
		return ERR_FORMAT;
	*out = b;
	return 0;
}

int
backup_write(const struct file *dir, const struct backup *b)
{
	char made[ENTRY_TIME_SIZE], epoch[DIGEST_HEX_SIZE];
	char keyring[DIGEST_HEX_SIZE], catalogue[DIGEST_HEX_SIZE];
	char list[DIGEST_HEX_SIZE];
	size_t n;
	OWNED_MEM(char) text = NULL;
	OWNED_JSON j =
	    json_pack("{s:i, s:s, s:s, s:I, s:I, s:s, s:s, s:s, s:s, s:I, s:I}",
		"weir_backup", 1, "id", b->id, "made",
		entry_time_text(b->made_ms, made), "entries",
		(json_int_t)b->entries, "epoch", (json_int_t)b->epoch,
		"epoch_sha256", digest_hex(&b->epoch_digest, epoch),
		"keyring_sha256", digest_hex(&b->keyring, keyring),
		"catalogue_sha256", digest_hex(&b->catalogue, catalogue),
		"list_sha256", digest_hex(&b->list, list), "objects",
		(json_int_t)b->objects, "bytes", (json_int_t)b->bytes);

	text = j != NULL ? json_dumps(j, JSON_INDENT(1)) : NULL;
	if (text == NULL)
		return ERR_NOMEM;
	/* A line's end in place of the NUL. */
	n = strlen(text);
	text[n] = '\n';
	return file_replace(dir, BACKUP_JSON, text, n + 1, 0644);
}

int
backup_read(const struct file *dir, struct backup *out)
{
	OWNED_MEM(uint8_t) bytes = NULL;
	size_t n;
	int r = file_load(dir, BACKUP_JSON, BACKUP_JSON_MAX, &bytes, &n);

	if (r == ERR_NOT_FOUND)
		return r;
	if (r == 0)
		r = backup_parse(out, bytes, n);
	if (r == ERR_FORMAT || r == ERR_LIMIT)
		return log_err(ERR_FORMAT,
		    "'%s/" BACKUP_JSON "' is not one that this version of weir "
		    "knows",
		    dir->name);
	return r;
}

/* --- the list of objects --- */

void
backup_list_clear(struct backup_list *l)
{
	free(l->names);
	*l = (struct backup_list){ 0 };
}

int
backup_list_parse(struct backup_list *out, const void *bytes, size_t n)
{
	struct backup_list l = { 0 };
	struct reader r = reader_of(bytes, n);
	uint32_t version;
	uint64_t count;

	reader_expect(&r, LIST_MAGIC, sizeof(LIST_MAGIC) - 1);
	version = reader_u32(&r);
	reader_expect(&r, "\0\0\0\0", 4);
	count = reader_u64(&r);
	if (!reader_ok(&r) || version != 1 || r.left % DIGEST_SIZE != 0 ||
	    count != r.left / DIGEST_SIZE)
		return ERR_FORMAT;
	l.count = (size_t)count;
	l.names = malloc((l.count + 1) * sizeof(*l.names));
	if (l.names == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < l.count; i++) {
		reader_copy(&r, l.names[i].bytes, DIGEST_SIZE);
		if (i > 0 &&
		    digest_compare(&l.names[i - 1], &l.names[i]) >= 0) {
			backup_list_clear(&l);
			return ERR_FORMAT;
		}
	}
	*out = l;
	return 0;
}

int
backup_list_write(const struct file *dir, const struct backup_list *l,
    struct digest *digest)
{
	OWNED_WRITER w = writer_of(BACKUP_LIST_MAX);

	writer_bytes(&w, LIST_MAGIC, sizeof(LIST_MAGIC) - 1);
	writer_u32(&w, 1);
	writer_u32(&w, 0);
	writer_u64(&w, l->count);
	for (size_t i = 0; i < l->count; i++)
		writer_bytes(&w, l->names[i].bytes, DIGEST_SIZE);
	if (!writer_ok(&w))
		return ERR_NOMEM;
	*digest = digest_of(w.bytes, w.length);
	return file_replace(dir, BACKUP_LIST, w.bytes, w.length, 0600);
}

int
backup_list_read(const struct file *dir, const struct digest *digest,
    struct backup_list *out)
{
	OWNED_MEM(uint8_t) bytes = NULL;
	struct digest found;
	size_t n;
	int r = file_load(dir, BACKUP_LIST, BACKUP_LIST_MAX, &bytes, &n);

	if (r == 0) {
		found = digest_of(bytes, n);
		r = digest_equal(&found, digest) ?
		    backup_list_parse(out, bytes, n) :
		    ERR_INTEGRITY;
	}
	if (r == ERR_NOT_FOUND || r == ERR_FORMAT || r == ERR_LIMIT ||
	    r == ERR_INTEGRITY)
		return log_err(ERR_INTEGRITY,
		    "'%s/" BACKUP_LIST "' is missing or was changed",
		    dir->name);
	return r;
}

struct listing {
	struct backup_list l;
	size_t room;
};

static int
add_name(void *arg, const struct digest *name, uint64_t size)
{
	struct listing *g = arg;

	(void)size;
	if (g->l.count == g->room) {
		size_t room = g->room == 0 ? 1024 : 2 * g->room;
		struct digest *more = realloc(g->l.names, room * sizeof(*more));

		if (more == NULL)
			return ERR_NOMEM;
		g->l.names = more;
		g->room = room;
	}
	g->l.names[g->l.count++] = *name;
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	return digest_compare(a, b);
}

int
backup_list_of(struct backup_list *out, struct store *s)
{
	struct listing g = { 0 };
	int r = store_list(s, add_name, &g);

	if (r != 0) {
		backup_list_clear(&g.l);
		return r;
	}
	if (g.l.count > 0)
		qsort(g.l.names, g.l.count, sizeof(*g.l.names), by_name);
	*out = g.l;
	return 0;
}

/* --- files --- */

static int
pour(const struct file *from, const struct file *to, struct digester *d)
{
	OWNED_MEM(uint8_t) buf = malloc(COPY_SIZE);
	uint64_t at = 0;
	size_t got = COPY_SIZE;

	if (buf == NULL)
		return ERR_NOMEM;
	while (got == COPY_SIZE) {
		int r = file_read_some(from, buf, COPY_SIZE, at, &got);

		if (r == 0)
			r = file_write_at(to, buf, got, at);
		if (r != 0)
			return r;
		digester_add(d, buf, got);
		at += got;
	}
	return file_sync(to);
}

int
backup_copy_file(const struct file *from, const char *name,
    const struct file *to, const char *as, struct digest *digest)
{
	OWNED(digester) d = NULL;
	OWNED(file) in = NULL;
	OWNED(file) out = NULL;
	int r = digester_new(&d);

	if (r == 0)
		r = file_open(&in, from, name, O_RDONLY, 0);
	if (r == 0)
		r = file_open(&out, to, as, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (r == 0)
		r = pour(in, out, d);
	if (r == 0 && digest != NULL)
		*digest = digester_end(d);
	return r;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *w)
{
	(void)st, (void)type, (void)w;
	return remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

int
backup_remove(const struct file *dir, const char *name)
{
	OWNED_MEM(char) path = NULL;

	if (asprintf(&path, "/proc/self/fd/%d/%s", dir->fd, name) < 0) {
		path = NULL;
		return ERR_NOMEM;
	}
	if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0 &&
	    errno != ENOENT)
		return log_sys("remove '%s/%s'", dir->name, name);
	return 0;
}
