/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/talk.h"
#include "cli/upload.h"
#include "vault/err.h"
#include "vault/file.h"
#include "vault/log.h"

#define NAME_SIZE 256

struct put {
	struct options *o;
	const char *model;
	const char *ref_out;
	struct file *ref_file; /* of that name */
	bool ref_made;
	const char *stdin_name;
	bool allow_pickle;
	const char *compress;
	enum codec_effort effort;
	struct options_list labels;
	const char *const *paths;
	size_t path_count;

	struct client *client;
};

static bool
reads_stdin(const struct put *p)
{
	for (size_t i = 0; i < p->path_count; i++)
		if (strcmp(p->paths[i], "-") == 0)
			return true;
	return false;
}

static int
check_compress(struct put *p)
{
	static const char *const words[] = {
		[CODEC_AUTO] = "auto",
		[CODEC_OFF] = "off",
		[CODEC_MAX] = "max",
	};

	if (p->compress == NULL)
		return 0;
	for (unsigned int i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(p->compress, words[i]) == 0) {
			p->effort = (enum codec_effort)i;
			return 0;
		}
	return options_wrong(p->o, "--compress must be auto, off or max");
}

static int
check_arguments(struct put *p)
{
	char name[NAME_SIZE];

	if (!ref_name_ok(p->model))
		return options_wrong(p->o,
		    "'%s' is no name for a model: it must be NAME or "
		    "GROUP/NAME of a-z, 0-9, '.', '_' and '-'",
		    log_name(name, sizeof(name), p->model, strlen(p->model)));
	if (reads_stdin(p) && p->stdin_name == NULL)
		return options_wrong(p->o,
		    "'-' needs --name: what it is called in the version");
	if (!reads_stdin(p) && p->stdin_name != NULL)
		return options_wrong(p->o, "--name is for '-' only");
	return check_compress(p);
}

/* {"key":"value",...} */
static int
make_labels(const struct put *p, char **out)
{
	OWNED_JSON j = json_object();

	for (size_t i = 0; i < p->labels.count; i++) {
		const char *text = p->labels.items[i];
		const char *equals = strchr(text, '=');
		OWNED_MEM(char) key = NULL;

		if (equals == NULL || equals == text)
			return options_wrong(p->o, "--label must be KEY=VALUE");
		key = strndup(text, (size_t)(equals - text));
		if (key == NULL)
			return ERR_NOMEM;
		if (json_object_get(j, key) != NULL)
			return options_wrong(p->o,
			    "two labels have the same key");
		if (json_object_set_new(j, key, json_string(equals + 1)) != 0)
			return options_wrong(p->o, "--label must be UTF-8");
	}
	*out = json_dumps(j, JSON_COMPACT);
	return *out != NULL ? 0 : ERR_NOMEM;
}

/*
 * The file for --ref-out, opened before anything is put: what cannot be written
 * is found out then.  It keeps what it has until there is a reference.
 */
static int
open_ref(struct put *p)
{
	int r;

	if (p->ref_out == NULL)
		return 0;
	r = file_open(&p->ref_file, NULL, p->ref_out,
	    O_WRONLY | O_CREAT | O_EXCL, 0666);
	p->ref_made = r == 0;
	if (r == ERR_CONFLICT)
		r = file_open(&p->ref_file, NULL, p->ref_out, O_WRONLY, 0);
	if (r == ERR_NOT_FOUND)
		return log_err(r, "there is no directory for '%s'", p->ref_out);
	return r;
}

static int
write_ref(const struct put *p, const char *reference)
{
	const struct file *f = p->ref_file;
	OWNED_MEM(char) line = NULL;
	ssize_t n;

	if (f == NULL)
		return 0;
	if (asprintf(&line, "%s\n", reference) < 0) {
		line = NULL;
		return ERR_NOMEM;
	}
	if (ftruncate(f->fd, 0) != 0 && errno != EINVAL) /* a pipe */
		return log_sys("truncate '%s'", f->name);
	n = write(f->fd, line, strlen(line));
	if (n < 0 || (size_t)n != strlen(line))
		return log_sys("write '%s'", f->name);
	return 0;
}

/* Without a reference no file for it is left behind. */
static void
close_ref(struct put *p, int r)
{
	if (p->ref_file != NULL && r != 0 && p->ref_made)
		(void)!unlink(p->ref_out);
	file_free(p->ref_file);
}

/* A version that was there keeps its labels: say which of those given now
 * it does not have. */
static int
say_labels(const struct put *p, const char *reference)
{
	OWNED_JSON kept = NULL;
	struct msg_version m;
	int r;

	if ((r = client_version_get(p->client, reference, &m)) != 0)
		return r;
	r = talk_labels(&m, &kept);
	msg_version_clear(&m);
	if (r != 0)
		return r;
	for (size_t i = 0; i < p->labels.count; i++) {
		const char *text = p->labels.items[i];
		int length = (int)(strchr(text, '=') - text);
		OWNED_MEM(char) key = strndup(text, (size_t)length);
		const char *value;

		if (key == NULL)
			return ERR_NOMEM;
		value = json_string_value(json_object_get(kept, key));
		if (value == NULL)
			log_warn("label %s: this version was put without it, "
				 "and stays so",
			    key);
		else if (strcmp(value, text + length + 1) != 0)
			log_warn("label %s: this version keeps '%s'", key,
			    value);
	}
	return 0;
}

static int
print_json(const struct put *p, const struct upload_done *d,
    const char *reference)
{
	const struct intake_result *result = &d->result;
	OWNED_JSON j = json_pack(
	    "{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:f}", "model",
	    p->model, "version", d->hex, "reference", reference, "files",
	    (json_int_t)result->files, "bytes", (json_int_t)result->bytes,
	    "weights", (json_int_t)result->weights, "chunks",
	    (json_int_t)result->chunks, "new_bytes",
	    (json_int_t)result->totals.bytes_new, "stored_bytes",
	    (json_int_t)result->totals.stored_bytes, "known", d->known,
	    "seconds", (double)(int64_t)(d->seconds * 1000 + 0.5) / 1000);

	return j != NULL ? out_json(j) : ERR_NOMEM;
}

/* What people want to know; the reference itself goes to stdout. */
static void
say_result(const struct put *p, const struct upload_done *d)
{
	char bytes[OUT_SIZE], fresh[OUT_SIZE], stored[OUT_SIZE];
	const struct intake_result *result = &d->result;
	char files[OUT_COUNT];

	if (p->o->quiet)
		return;
	log_info("%s, %s in %.1f s; %s were new, stored in %s",
	    out_count(result->files, "file", files),
	    out_size(result->bytes, bytes), d->seconds,
	    out_size(result->totals.bytes_new, fresh),
	    out_size(result->totals.stored_bytes, stored));
	if (d->known)
		log_info("this version was in the vault already");
	log_info("%s:latest is unsigned: it names what was put last, and "
		 "nobody has vouched for it",
	    p->model);
}

static int
finish(struct put *p, const struct upload_done *d)
{
	OWNED_MEM(char) reference = NULL;
	int r = 0;

	if (asprintf(&reference, "%s@%s", p->model, d->hex) < 0) {
		reference = NULL;
		return ERR_NOMEM;
	}
	say_result(p, d);
	if (p->o->json)
		r = print_json(p, d, reference);
	else
		printf("%s\n", reference);
	if (r == 0)
		r = write_ref(p, reference);
	/* The version is there, whatever can be told of its labels. */
	if (d->known && p->labels.count > 0)
		(void)!say_labels(p, reference);
	return r;
}

static int
run(struct put *p, const char *labels)
{
	const struct upload u = {
		.o = p->o,
		.model = p->model,
		.paths = p->paths,
		.path_count = p->path_count,
		.stdin_name = p->stdin_name,
		.allow_pickle = p->allow_pickle,
		.effort = p->effort,
		.labels = labels,
	};
	OWNED(client) client = NULL;
	struct upload_done done;
	int r;

	if ((r = talk_open(&client, p->o)) != 0 ||
	    (r = upload_run(&done, &u, client)) != 0)
		return r;
	p->client = client;
	r = finish(p, &done);
	upload_done_clear(&done);
	return r;
}

int
cmd_put(struct options *o, int argc, char **argv)
{
	struct put p = { .o = o };
	const struct options_own own[] = {
		{ "label", 0, OPTIONS_LIST, &p.labels },
		{ "ref-out", 0, OPTIONS_TEXT, &p.ref_out },
		{ "allow-pickle", 0, OPTIONS_FLAG, &p.allow_pickle },
		{ "name", 0, OPTIONS_TEXT, &p.stdin_name },
		{ "compress", 0, OPTIONS_TEXT, &p.compress },
		OPTIONS_END,
	};
	struct options_operands operands;
	OWNED_MEM(char) labels = NULL;
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0)
		return r;
	p.model = operands.items[0];
	p.paths = (const char *const *)operands.items + 1;
	p.path_count = operands.count - 1;
	if ((r = check_arguments(&p)) != 0 ||
	    (r = make_labels(&p, &labels)) != 0)
		return r;
	if ((r = open_ref(&p)) == 0)
		r = run(&p, labels);
	close_ref(&p, r);
	return r;
}
