/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/submit.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/log.h"
#include "vault/writer.h"

#define CONNECT_SECONDS 10L
#define WHOLE_SECONDS 30L
#define ANSWER_MAX (64U << 10)
#define TRIES 4

static void
easy_free(CURL **c)
{
	curl_easy_cleanup(*c);
}

/* What came back. */
struct answer {
	long status;
	struct writer body;
};

static size_t
take(char *bytes, size_t one, size_t n, void *arg)
{
	struct answer *a = arg;

	writer_bytes(&a->body, bytes, one * n);
	return writer_ok(&a->body) ? one * n : 0;
}

static int
set_up(CURL *c, const char *url, const char *body, struct answer *a)
{
	static const char *const agent = "weir";

	if (curl_easy_setopt(c, CURLOPT_URL, url) != CURLE_OK ||
	    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") !=
		CURLE_OK ||
	    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) != CURLE_OK ||
	    curl_easy_setopt(c, CURLOPT_POSTFIELDS, body) != CURLE_OK ||
	    curl_easy_setopt(c, CURLOPT_USERAGENT, agent) != CURLE_OK ||
	    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS) !=
		CURLE_OK ||
	    curl_easy_setopt(c, CURLOPT_TIMEOUT, WHOLE_SECONDS) != CURLE_OK ||
	    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) != CURLE_OK ||
	    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take) != CURLE_OK ||
	    curl_easy_setopt(c, CURLOPT_WRITEDATA, a) != CURLE_OK)
		return ERR_NOMEM;
	return 0;
}

static int
post(const struct witness *w, const char *body, struct answer *a)
{
	__attribute__((cleanup(easy_free))) CURL *c = curl_easy_init();
	char url[WITNESS_URL_MAX + 32];
	size_t n = strlen(w->url);
	CURLcode code;

	while (n > 0 && w->url[n - 1] == '/')
		n--;
	snprintf(url, sizeof(url), "%.*s/add-checkpoint", (int)n, w->url);
	if (c == NULL || set_up(c, url, body, a) != 0)
		return ERR_NOMEM;
	writer_reset(&a->body);
	code = curl_easy_perform(c);
	if (code != CURLE_OK)
		return log_err(ERR_UNREACHABLE, "witness '%s' at %s: %s",
		    w->name, url, curl_easy_strerror(code));
	if (curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &a->status) !=
	    CURLE_OK)
		return ERR_NOMEM;
	return 0;
}

/* The body of a request that goes on from old. */
static int
request(char **out, struct trail_reader *reader, uint64_t old)
{
	const struct note_checkpoint *now = trail_reader_checkpoint(reader);
	struct digest proof[TLOG_PROOF_MAX];
	struct witness_request q = { .old_size = old };
	int r;

	q.note = trail_reader_note(reader);
	q.length = strlen(q.note);
	r = tlog_consistency(old, now->size, trail_reader_node, reader, proof,
	    &q.count);
	if (r != 0)
		return r;
	if (q.count > WITNESS_PROOF_MAX)
		return ERR_LIMIT;
	memcpy(q.proof, proof, q.count * sizeof(*proof));
	return witness_request_write(out, &q);
}

/* "N\n" of a 409. */
static int
read_size(const struct answer *a, uint64_t *out)
{
	char text[24], again[24];

	if (a->body.length == 0 || a->body.length >= sizeof(text))
		return ERR_FORMAT;
	memcpy(text, a->body.bytes, a->body.length);
	text[a->body.length] = '\0';
	*out = strtoull(text, NULL, 10);
	snprintf(again, sizeof(again), "%" PRIu64 "\n", *out);
	return strcmp(text, again) == 0 ? 0 : ERR_FORMAT;
}

/* Its own cosignature alone: what else it answers, for others perhaps, is
 * no part of the note. */
static int
accepted(char **line, const struct witness *w, struct trail_reader *reader,
    const struct answer *a)
{
	const char *note = trail_reader_note(reader);
	const char *at = (const char *)a->body.bytes;
	size_t left = a->body.length;

	while (left > 0) {
		const char *end = memchr(at, '\n', left);
		size_t n = end != NULL ? (size_t)(end - at) + 1 : left;
		uint64_t time;

		if (witness_line(note, strlen(note), at, n, w->key, &time) ==
		    0) {
			*line = strndup(at, n);
			return *line != NULL ? 0 : ERR_NOMEM;
		}
		at += n;
		left -= n;
	}
	return log_err(ERR_UNREACHABLE,
	    "witness '%s': what it answered is no cosignature of its own; is "
	    "the key in the policy right?",
	    w->name);
}

static int
forked(const struct witness *w, uint64_t kept, uint64_t now)
{
	return log_err(ERR_INTEGRITY,
	    "witness '%s' has cosigned another history of this log, of %" PRIu64
	    " entries, than the one of %" PRIu64
	    " that is here: the trail was rewritten",
	    w->name, kept, now);
}

/* What it says to old; *old is set to what it has when that is to be tried. */
static int
ask(char **line, const struct witness *w, struct trail_reader *reader,
    uint64_t *old, bool *again)
{
	const uint64_t now = trail_reader_checkpoint(reader)->size;
	OWNED_MEM(char) body = NULL;
	OWNED_WRITER in = writer_of(ANSWER_MAX);
	struct answer a = { .body = in };
	uint64_t kept;
	int r;

	*again = false;
	if ((r = request(&body, reader, *old)) != 0)
		return r;
	r = post(w, body, &a);
	in = a.body;
	if (r != 0)
		return r;
	if (a.status == 200)
		return accepted(line, w, reader, &a);
	if (a.status == 422)
		return forked(w, *old, now);
	if (a.status != 409 || read_size(&a, &kept) != 0)
		return log_err(ERR_UNREACHABLE, "witness '%s' answered %ld: %s",
		    w->name, a.status,
		    a.status == 404 ? "it does not follow this log" :
			a.status == 403 ?
				      "it has another key for this log" :
				      "that is not what was to be answered");
	if (kept > now)
		return log_err(ERR_INTEGRITY,
		    "witness '%s' has cosigned %" PRIu64
		    " entries of this log, and here are %" PRIu64
		    ": the trail was cut",
		    w->name, kept, now);
	if (kept == *old)
		return forked(w, kept, now);
	*old = kept;
	*again = true;
	return 0;
}

int
submit_to(char **line, const struct witness *w, struct trail_reader *reader)
{
	uint64_t old = 0;
	bool again = true;
	int r = 0;

	for (int i = 0; r == 0 && again && i < TRIES; i++)
		r = ask(line, w, reader, &old, &again);
	if (r == 0 && again)
		return log_err(ERR_UNREACHABLE,
		    "witness '%s' is busy with this log", w->name);
	return r;
}
