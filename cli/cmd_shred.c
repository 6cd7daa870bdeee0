/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/ask.h"
#include "cli/cmd.h"
#include "cli/deletion.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/talk.h"
#include "vault/err.h"
#include "vault/file.h"
#include "vault/log.h"

struct shred {
	struct options *o;
	const char *reference;
	const char *reason;
	const char
	    *path; /* of the certificate; NULL: named after the version */
	bool yes;
	struct client *client;
};

static int
begin(struct shred *s, json_t **out)
{
	OWNED_WRITER body = writer_of(3 * MSG_TEXT_MAX);
	const struct msg_removal m = {
		.reference = (char *)(uintptr_t)s->reference,
		.reason = (char *)(uintptr_t)s->reason,
	};
	struct reader reply;
	char *text;
	int r;

	msg_removal_write(&body, &m);
	if ((r = client_call(s->client, MSG_SHRED_BEGIN, &body, &reply)) != 0)
		return r;
	if (msg_text_read(&text, &reply) != 0)
		return log_err(ERR_FORMAT, "keyd's answer is malformed");
	return talk_parse(text, out);
}

/* Its objects go, some at a time; it is final already. */
static int
sweep(struct shred *s, const char *reference)
{
	OWNED(progress) progress = NULL;
	uint64_t left = 1, gone = 0;
	int r;

	if ((r = progress_new(&progress, s->o->quiet)) != 0)
		return r;
	while (left > 0) {
		OWNED_WRITER body = writer_of(MSG_TEXT_MAX);
		struct reader reply;

		msg_string_write(&body, reference);
		r = client_call(s->client, MSG_SHRED_SWEEP, &body, &reply);
		if (r != 0)
			return r;
		if (msg_number_read(&left, &reply) != 0)
			return log_err(ERR_FORMAT,
			    "keyd's answer is malformed");
		gone += left;
		progress_sweep(progress, gone, gone);
	}
	progress_clear(progress);
	return 0;
}

/* What comes after is final: where its certificate goes is found out before. */
static int
check_path(const struct shred *s)
{
	OWNED_MEM(char) dir = strdup(s->path != NULL ? s->path : ".");
	struct stat st;
	char *slash;

	if (dir == NULL)
		return ERR_NOMEM;
	if (s->path != NULL && stat(s->path, &st) == 0 && !S_ISREG(st.st_mode))
		return log_err(ERR_USAGE,
		    "'%s' is no file to write a certificate into: nothing was "
		    "shredded",
		    s->path);
	slash = strrchr(dir, '/');
	if (slash != NULL)
		*(slash == dir ? slash + 1 : slash) = '\0';
	if (access(slash != NULL ? dir : ".", W_OK) == 0)
		return 0;
	return log_err(err_from_errno(errno),
	    "the certificate cannot be written into '%s': %s; nothing was "
	    "shredded: name a file that can be: --certificate FILE",
	    slash != NULL ? dir : ".", strerrordesc_np(errno));
}

static int
ask(const struct shred *s)
{
	OWNED_MEM(char) question = NULL;

	if (s->yes)
		return 0;
	if (asprintf(&question,
		"%s will be gone for ever, and so will every backup of the "
		"vault from before: shred it?",
		s->reference) < 0) {
		question = NULL;
		return ERR_NOMEM;
	}
	return ask_yes(s->o, false, question);
}

/* In the working directory, unless told otherwise. */
static int
keep(const struct shred *s, const char *text, const json_t *begun)
{
	OWNED_MEM(char) name = NULL;
	const char *model = talk_text(begun, "model");
	int r;

	if (asprintf(&name, "%s@%.12s.shredded.json", model,
		talk_text(begun, "version")) < 0) {
		name = NULL;
		return ERR_NOMEM;
	}
	for (char *c = name; *c != '\0'; c++)
		if (*c == '/')
			*c = '-';
	r = file_replace(NULL, s->path != NULL ? s->path : name, text,
	    strlen(text), 0644);
	if (r != 0)
		return log_err(r,
		    "the version is shredded, and its certificate is not "
		    "written: 'weir shred %s --certificate FILE' gives it "
		    "again",
		    s->reference);
	if (!s->o->quiet)
		log_info("the certificate is in '%s': keep it; 'weir audit "
			 "verify --certificate FILE --log-key VKEY' checks it",
		    s->path != NULL ? s->path : name);
	return 0;
}

static int
show(const struct shred *s, const char *text)
{
	OWNED(certificate) c = NULL;
	char why[CERTIFICATE_WHY];
	int r = certificate_parse(&c, text, strlen(text), why);

	if (r != 0)
		return log_err(r, "%s", why);
	if (s->o->json)
		out_line("%s", text);
	else
		deletion_print(c);
	if (!s->o->quiet && deletion_left(c) > 0)
		log_info(
		    "%ju of its objects, which no key opens any more, are "
		    "still being removed: when they have gone, 'weir shred "
		    "%s --certificate FILE' gives a certificate that says "
		    "so",
		    (uintmax_t)deletion_left(c), s->reference);
	return 0;
}

static int
run(struct shred *s)
{
	OWNED_MEM(char) reference = NULL;
	OWNED_MEM(char) text = NULL;
	OWNED_JSON begun = NULL;
	int r;

	if ((r = begin(s, &begun)) != 0)
		return r;
	if (asprintf(&reference, "%s@%s", talk_text(begun, "model"),
		talk_text(begun, "version")) < 0) {
		reference = NULL;
		return ERR_NOMEM;
	}
	if (talk_bool(begun, "ended"))
		log_info("it was shredded before; this is its certificate");
	else if ((r = sweep(s, reference)) != 0)
		return r;
	if ((r = deletion_make(s->o, reference, &text)) != 0 ||
	    (r = keep(s, text, begun)) != 0)
		return r;
	if (!s->o->quiet && !talk_bool(begun, "ended"))
		log_info("backups of this vault from before do not open any "
			 "more: make one now, and keep 'epoch' apart from it");
	return show(s, text);
}

int
cmd_shred(struct options *o, int argc, char **argv)
{
	struct shred s = { .o = o, .reason = "" };
	const struct options_own own[] = {
		{ "reason", 0, OPTIONS_TEXT, &s.reason },
		{ "certificate", 0, OPTIONS_TEXT, &s.path },
		{ "yes", 0, OPTIONS_FLAG, &s.yes },
		OPTIONS_END,
	};
	struct options_operands operands;
	OWNED(client) client = NULL;
	struct ref ref;
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0 ||
	    (r = talk_ref(o, operands.items[0], &ref)) != 0)
		return r;
	if (ref.digits[0] == '\0')
		return options_wrong(o,
		    "name the version by its digits, %s@DIGITS: 'weir ls %s "
		    "--all' lists them",
		    ref.name, ref.name);
	s.reference = operands.items[0];
	if ((r = check_path(&s)) != 0 || (r = ask(&s)) != 0 ||
	    (r = talk_open(&client, o)) != 0)
		return r;
	s.client = client;
	return run(&s);
}
