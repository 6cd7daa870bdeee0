/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/deletion.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/audit.h"
#include "cli/evidence.h"
#include "cli/out.h"
#include "cli/paper.h"
#include "cli/talk.h"
#include "vault/err.h"
#include "vault/log.h"

/* The proof that the trail has an entry, as text. */
static int
make_proof(const struct audit *a, uint64_t index, json_t **out)
{
	const struct question q = { .about = QUESTION_ENTRY, .index = index };
	const struct evidence_from from = {
		.reader = a->reader,
		.where = { a->vault->dir, NULL, &a->vault->key, NULL },
	};
	OWNED_WRITER w = writer_of(CERTIFICATE_MAX);
	OWNED(proof) p = NULL;
	int r;

	if ((r = evidence_begin(&p, &from, &q, PROOF_YES)) != 0 ||
	    (r = evidence_add(p, &from, index)) != 0 ||
	    (r = proof_write(&w, p)) != 0)
		return r;
	*out = json_stringn((const char *)w.bytes, w.length);
	return *out != NULL ? 0 : ERR_NOMEM;
}

static int
verify(const struct certificate *c, const struct note_key *log,
    struct certificate_verdict *v)
{
	char why[CERTIFICATE_WHY];
	int r = certificate_verify(c, log, v, why);

	return r == 0 || r == ERR_NOMEM ?
	    r :
	    log_err(r, "the certificate does not hold: %s", why);
}

/* Nobody is handed what does not hold. */
static int
check_made(const char *text, const struct note_key *log)
{
	struct certificate_verdict v;
	OWNED(certificate) c = NULL;
	char why[CERTIFICATE_WHY];
	int r = certificate_parse(&c, text, strlen(text), why);

	if (r != 0)
		return log_err(r, "keyd's certificate is none: %s", why);
	return verify(c, log, &v);
}

int
deletion_make(const struct options *o, const char *reference, char **out)
{
	OWNED_MEM(char) text = NULL;
	OWNED(audit) a = NULL;
	OWNED_JSON reply = NULL;
	OWNED_JSON j = NULL;
	json_t *proof;
	int r;

	if ((r = audit_open(&a, o, false)) != 0)
		return r;
	if (a->client == NULL)
		return ERR_UNREACHABLE;
	if ((r = talk_json(a->client, MSG_SHRED_CERTIFICATE, reference,
		 &reply)) != 0)
		return r;
	j = json_loads(talk_text(reply, "certificate"), JSON_REJECT_DUPLICATES,
	    NULL);
	if (j == NULL)
		return log_err(ERR_FORMAT, "keyd's certificate is not JSON");
	if ((r = make_proof(a, talk_number(reply, "entry"), &proof)) != 0 ||
	    (r = out_set(j, "proof", proof)) != 0)
		return r;
	text = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);
	if (text == NULL)
		return ERR_NOMEM;
	if ((r = check_made(text, &a->vault->key)) != 0)
		return r;
	*out = text;
	text = NULL;
	return 0;
}

/* ---- for people ---- */

static void
print_files(const json_t *j)
{
	const json_t *files = json_object_get(j, "files"), *f;
	char size[OUT_SIZE];
	size_t i;

	json_array_foreach(files, i, f)
		out_line("  %s  %s  %s", talk_text(f, "sha256"),
		    out_size(talk_number(f, "size"), size),
		    talk_text(f, "path"));
	if (talk_number(j, "files_left_out") > 0)
		out_line("  and %ju more, which the version's digest binds",
		    (uintmax_t)talk_number(j, "files_left_out"));
	if (json_object_get(j, "files_unknown") != NULL)
		out_line("  not known: %s", talk_text(j, "files_unknown"));
}

static void
print_chunks(const json_t *j)
{
	const json_t *chunks = json_object_get(j, "chunks");
	const json_t *objects = json_object_get(j, "objects");
	const json_t *kept = json_object_get(chunks, "kept_for"), *v;
	size_t i;

	out_line("chunks destroyed  %ju",
	    (uintmax_t)talk_number(chunks, "destroyed"));
	out_line("chunks kept       %ju, which other versions have, too",
	    (uintmax_t)talk_number(chunks, "kept"));
	json_array_foreach(kept, i, v)
		out_line("  %s@%.16s  %ju", talk_text(j, "model"),
		    talk_text(v, "version"),
		    (uintmax_t)talk_number(v, "chunks"));
	out_line("objects removed   %ju",
	    (uintmax_t)talk_number(objects, "removed"));
	if (talk_number(objects, "left") > 0)
		out_line("objects left      %ju, sealed: no key opens them any"
			 " more, and keyd goes on removing them",
		    (uintmax_t)talk_number(objects, "left"));
	if (talk_number(objects, "kept_for_uploads") > 0)
		out_line("objects kept      %ju, for uploads under way",
		    (uintmax_t)talk_number(objects, "kept_for_uploads"));
}

void
deletion_print(const struct certificate *c)
{
	const json_t *j = certificate_payload(c), *limit;
	const json_t *readers = json_object_get(j, "readers");
	char when[OUT_TIME];
	size_t i;

	out_line("DELETION CERTIFICATE");
	out_line("vault             %s", talk_text(j, "vault"));
	out_line("version           %s@%s", talk_text(j, "model"),
	    talk_text(j, "version"));
	out_line("put               %s by %s",
	    out_when(talk_text(j, "put"), when), talk_text(j, "put_by"));
	out_line("shredded          %s by %s",
	    out_when(talk_text(j, "time"), when), talk_text(j, "by"));
	if (talk_text(j, "reason")[0] != '\0')
		out_line("because           %s", talk_text(j, "reason"));
	out_line("epoch             %ju; keys of earlier ones open nothing",
	    (uintmax_t)talk_number(j, "epoch"));
	out_line("files by SHA-256:");
	print_files(j);
	print_chunks(j);
	out_line("was read by       %ju sessions, %ju of them copies",
	    (uintmax_t)talk_number(readers, "sessions"),
	    (uintmax_t)talk_number(readers, "copies"));
	out_line("what it does not reach:");
	json_array_foreach(json_object_get(j, "limits"), i, limit)
		out_line("  - %s",
		    json_is_string(limit) ? json_string_value(limit) : "?");
}

uint64_t
deletion_left(const struct certificate *c)
{
	const json_t *j = certificate_payload(c);

	return (uint64_t)talk_number(json_object_get(j, "objects"), "left");
}

/* ---- checked ---- */

static int
load(const char *path, struct certificate **out)
{
	OWNED_MEM(uint8_t) bytes = NULL;
	char why[CERTIFICATE_WHY];
	size_t n;
	int r = file_load(NULL, path, CERTIFICATE_MAX, &bytes, &n);

	if (r == ERR_NOT_FOUND)
		return log_err(r, "there is no file '%s'", path);
	if (r != 0)
		return r;
	r = certificate_parse(out, bytes, n, why);
	return r == 0 || r == ERR_NOMEM ?
	    r :
	    paper_refuse(path, bytes, n, PAPER_CERTIFICATE, why, r);
}

static int
print_json(const struct certificate *c, const struct certificate_verdict *v)
{
	char root[DIGEST_HEX_SIZE];
	OWNED_JSON j = json_pack("{s:b, s:O, s:I, s:s, s:I, s:s}", "ok", true,
	    "certificate", (json_t *)(uintptr_t)certificate_payload(c), "entry",
	    (json_int_t)v->entry, "origin", v->checkpoint.origin, "size",
	    (json_int_t)v->checkpoint.size, "root",
	    digest_hex(&v->checkpoint.root, root));

	return j != NULL ? out_json(j) : ERR_NOMEM;
}

int
deletion_check(const struct options *o, const char *path, const char *log_key)
{
	struct certificate_verdict v;
	OWNED(certificate) c = NULL;
	struct note_key log;
	int r;

	if (note_key_parse(&log, log_key) != 0)
		return options_wrong(o,
		    "that is no verifier key of a log: weir audit checkpoint "
		    "--json shows it");
	if ((r = load(path, &c)) != 0 || (r = verify(c, &log, &v)) != 0)
		return r;
	if (o->json)
		return print_json(c, &v);
	deletion_print(c);
	out_line("proven by         entry %ju of the log, under a checkpoint "
		 "of size %ju",
	    (uintmax_t)v.entry, (uintmax_t)v.checkpoint.size);
	return 0;
}
