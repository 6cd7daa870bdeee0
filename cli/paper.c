/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/paper.h"

#include <jansson.h>
#include <stdbool.h>
#include <string.h>

#include "vault/certificate.h"
#include "vault/log.h"
#include "vault/proof_tlog.h"

#define SHOWN_SIZE 256

static const struct {
	const char *name;
	const char *takes; /* the command that does, with FILE */
	const char *writes;
} papers[] = {
	[PAPER_PROOF] = { "proof",
	    "weir audit verify --proof FILE --log-key VKEY",
	    "weir audit proof" },
	[PAPER_CERTIFICATE] = { "deletion certificate",
	    "weir audit verify --certificate FILE --log-key VKEY",
	    "weir shred" },
	[PAPER_CHECKPOINT] = { "checkpoint", "weir audit verify --against FILE",
	    "weir audit checkpoint" },
	[PAPER_BUNDLE] = { "signature of a directory",
	    "weir verify-oms DIR --bundle FILE --public-key FILE",
	    "weir sign-oms" },
};

static bool
begins(const void *bytes, size_t n, const char *with)
{
	return n >= strlen(with) && memcmp(bytes, with, strlen(with)) == 0;
}

static enum paper
json_paper(const void *bytes, size_t n)
{
	json_auto_t *j = n <= CERTIFICATE_MAX ?
	    json_loadb(bytes, n, JSON_REJECT_DUPLICATES, NULL) :
	    NULL;
	const char *type = json_string_value(json_object_get(j, "payloadType"));
	const char *media = json_string_value(json_object_get(j, "mediaType"));

	if (type != NULL && strstr(type, "weir.deletion") != NULL)
		return PAPER_CERTIFICATE;
	if (media != NULL && strstr(media, "sigstore.bundle") != NULL)
		return PAPER_BUNDLE;
	return PAPER_UNKNOWN;
}

enum paper
paper_of(const void *bytes, size_t n)
{
	static const char mark[] = "\n\n\xe2\x80\x94 "; /* before signatures */

	if (begins(bytes, n, "weir-proof ") || proof_tlog_is(bytes, n))
		return PAPER_PROOF;
	if (begins(bytes, n, "{"))
		return json_paper(bytes, n);
	return memmem(bytes, n, mark, sizeof(mark) - 1) != NULL ?
	    PAPER_CHECKPOINT :
	    PAPER_UNKNOWN;
}

int
paper_refuse(const char *path, const void *bytes, size_t n, enum paper wanted,
    const char *why, int err)
{
	enum paper is = paper_of(bytes, n);
	char shown[SHOWN_SIZE];

	log_name(shown, sizeof(shown), path, strlen(path));
	if (is != PAPER_UNKNOWN && is != wanted)
		return log_err(err, "'%s' is a %s, and no %s: '%s' checks it",
		    shown, papers[is].name, papers[wanted].name,
		    papers[is].takes);
	if (is == wanted)
		return log_err(err, "'%s': %s", shown, why);
	return log_err(err, "'%s' is no %s, or a part of one: '%s' writes one",
	    shown, papers[wanted].name, papers[wanted].writes);
}
