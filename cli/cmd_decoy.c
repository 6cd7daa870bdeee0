/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/decoy.h"
#include "cli/out.h"
#include "cli/subject.h"
#include "cli/talk.h"
#include "cli/upload.h"
#include "vault/err.h"
#include "vault/log.h"

/* What people type for it. */
static int
check_name(const struct options *o, const char *model, const char *reason)
{
	if (!ref_name_ok(model))
		return options_wrong(o,
		    "a decoy is a model, by its name, without channel or "
		    "digest");
	if (reason == NULL || reason[0] == '\0')
		return options_wrong(o, "--reason says why; it is recorded");
	return 0;
}

/* A message's strings are not const, because it owns those that it reads. */
static int
send(struct client *c, enum msg_type type, const char *model,
    const char *reason)
{
	OWNED_WRITER body = writer_of(2 * MSG_TEXT_MAX);
	OWNED_MEM(char) name = strdup(model);
	OWNED_MEM(char) why = strdup(reason);
	const struct msg_decoy m = { name, why };
	struct reader reply;

	if (name == NULL || why == NULL)
		return ERR_NOMEM;
	msg_decoy_write(&body, &m);
	return client_call(c, type, &body, &reply);
}

/* --- a fake of a version --- */

/* Put what was made of it under the decoy's name. */
static int
put_fake(const struct options *o, struct client *client, const char *model,
    const char *dir, char hex[static DIGEST_HEX_SIZE])
{
	const char *const paths[] = { dir };
	const struct upload u = {
		.o = o,
		.model = model,
		.paths = paths,
		.path_count = 1,
		.allow_pickle = true, /* names of pickles, and noise in them */
		.labels = "{}",
	};
	struct upload_done done;
	int r = upload_run(&done, &u, client);

	if (r != 0)
		return r;
	memcpy(hex, done.hex, DIGEST_HEX_SIZE);
	upload_done_clear(&done);
	return 0;
}

static int
make_and_put(const struct options *o, struct client *client, const char *model,
    const struct decoy_like *like, char hex[static DIGEST_HEX_SIZE])
{
	const char *base = getenv("TMPDIR");
	OWNED_MEM(char) dir = NULL;
	int r;

	if (base == NULL || base[0] == '\0')
		base = "/var/tmp";
	if (asprintf(&dir, "%s/weir-decoy.XXXXXX", base) < 0) {
		dir = NULL;
		return ERR_NOMEM;
	}
	if (mkdtemp(dir) == NULL)
		return log_sys("make a directory below '%s'", base);
	r = decoy_make(like, dir);
	if (r == 0)
		r = put_fake(o, client, model, dir, hex);
	decoy_remove(like, dir);
	return r;
}

/* What has the name already would get the fake as its newest version. */
static int
check_free(struct client *client, const char *model)
{
	struct msg_version m;
	int r;

	client_expect(client, ERR_NOT_FOUND);
	r = client_version_get(client, model, &m);
	client_expect(client, 0);
	if (r == ERR_NOT_FOUND)
		return 0;
	if (r != 0)
		return r;
	msg_version_clear(&m);
	return log_err(ERR_CONFLICT,
	    "there is a model '%s' already: choose a name for the fake, or "
	    "leave out --like to make that one a decoy",
	    model);
}

static int
fake(const struct options *o, struct client *client, const char *model,
    const char *like, char hex[static DIGEST_HEX_SIZE])
{
	OWNED(store) store = NULL;
	OWNED(version) version = NULL;
	struct tensor_list tensors = { 0 };
	struct decoy_like how = { .tensors = &tensors, .stop = o->stop };
	struct msg_version m;
	int r;

	if ((r = check_free(client, model)) != 0 ||
	    (r = talk_store(&store, o, false)) != 0 ||
	    (r = client_version_get(client, like, &m)) != 0)
		return r;
	r = talk_version(&version, store, &m);
	msg_version_clear(&m);
	if (r == 0)
		r = version_tensors(version, &tensors);
	if (r != 0)
		return r;
	how.manifest = version_manifest(version);
	r = make_and_put(o, client, model, &how, hex);
	tensor_list_clear(&tensors);
	if (r == ERR_CONFLICT && *o->stop)
		r = CMD_INTERRUPTED;
	return r;
}

/* --- the verbs --- */

static int
say_added(const struct options *o, const char *model, const char *hex)
{
	OWNED_MEM(char) reference = NULL;
	OWNED_JSON j = NULL;

	if (hex[0] != '\0' && asprintf(&reference, "%s@%s", model, hex) < 0) {
		reference = NULL;
		return ERR_NOMEM;
	}
	if (!o->quiet)
		log_info("%s is a decoy: whoever is given a chunk of it is an "
			 "alert; owners and reviewers alone are told that it "
			 "is one",
		    model);
	if (o->json) {
		j = json_pack("{s:s, s:b, s:s*}", "model", model, "decoy", true,
		    "reference", reference);
		return j != NULL ? out_json(j) : ERR_NOMEM;
	}
	if (reference != NULL)
		out_line("%s", reference);
	return 0;
}

int
cmd_decoy_add(struct options *o, int argc, char **argv)
{
	const char *like = NULL, *reason = NULL, *model;
	const struct options_own own[] = {
		{ "like", 0, OPTIONS_TEXT, &like },
		{ "reason", 0, OPTIONS_TEXT, &reason },
		OPTIONS_END,
	};
	struct options_operands operands;
	char hex[DIGEST_HEX_SIZE] = "";
	OWNED(client) client = NULL;
	OWNED_JSON known = NULL;
	struct ref ref;
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0)
		return r;
	model = operands.items[0];
	if ((r = check_name(o, model, reason)) != 0 ||
	    (like != NULL && (r = talk_ref(o, like, &ref)) != 0) ||
	    (r = talk_open(&client, o)) != 0)
		return r;
	/* Whoever may not is told before anything is made. */
	if (like != NULL &&
	    ((r = talk_list(client, MSG_DECOY_LS, "decoys",
		  &(struct msg_list){ 0 }, &known)) != 0 ||
		(r = fake(o, client, model, like, hex)) != 0))
		return r;
	if ((r = send(client, MSG_DECOY_ADD, model, reason)) != 0)
		return r;
	return say_added(o, model, hex);
}

int
cmd_decoy_rm(struct options *o, int argc, char **argv)
{
	const char *reason = NULL, *model;
	const struct options_own own[] = {
		{ "reason", 0, OPTIONS_TEXT, &reason },
		OPTIONS_END,
	};
	struct options_operands operands;
	OWNED(client) client = NULL;
	OWNED_JSON j = NULL;
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0)
		return r;
	model = operands.items[0];
	if ((r = check_name(o, model, reason)) != 0 ||
	    (r = talk_open(&client, o)) != 0 ||
	    (r = send(client, MSG_DECOY_RM, model, reason)) != 0)
		return r;
	if (!o->quiet)
		log_info("%s is no decoy any more; it is there as before",
		    model);
	if (!o->json)
		return 0;
	j = json_pack("{s:s, s:b}", "model", model, "decoy", false);
	return j != NULL ? out_json(j) : ERR_NOMEM;
}

int
cmd_decoy_ls(struct options *o, int argc, char **argv)
{
	static const char *const heads[] = { "MODEL", "SINCE (UTC)", "BY",
		"WHY" };
	struct options_operands none;
	OWNED(client) client = NULL;
	OWNED(out_table) table = NULL;
	OWNED_JSON j = NULL;
	const json_t *d;
	size_t i;
	int r;

	if ((r = options_parse(o, NULL, argc, argv, &none)) != 0 ||
	    (r = talk_open(&client, o)) != 0 ||
	    (r = talk_list(client, MSG_DECOY_LS, "decoys",
		 &(struct msg_list){ 0 }, &j)) != 0)
		return r;
	if (o->json)
		return out_json(j);
	if ((r = out_table_new(&table, heads, 4)) != 0)
		return r;
	json_array_foreach(json_object_get(j, "decoys"), i, d) {
		char when[OUT_TIME];
		const char *cells[] = { talk_text(d, "model"),
			out_when(talk_text(d, "since"), when),
			talk_text(d, "by"), talk_text(d, "reason") };

		if ((r = out_table_add(table, cells)) != 0)
			return r;
	}
	out_table_print(table);
	if (i == 0 && !o->quiet)
		log_info("no decoys");
	return 0;
}
