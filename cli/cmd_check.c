/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/talk.h"
#include "vault/check.h"
#include "vault/err.h"
#include "vault/log.h"

struct sweep {
	struct options *o;
	bool read_data;
	struct client *client;
	struct progress *progress;
	json_t *damage; /* list of { object, missing, reason, hurts } */
	json_t *index;	/* the same by object */
	uint64_t versions;
	bool short_of_memory;
};

/* The damage entry of an object; a new one when there is none yet. */
static json_t *
damage_of(struct sweep *s, const struct digest *object)
{
	char hex[DIGEST_HEX_SIZE];
	json_t *d = json_object_get(s->index, digest_hex(object, hex));

	if (d != NULL)
		return d;
	d = json_pack("{s:s, s:[]}", "object", hex, "hurts");
	if (d != NULL && json_array_append(s->damage, d) == 0 &&
	    json_object_set_new(s->index, hex, d) == 0)
		return d;
	s->short_of_memory = true;
	return NULL;
}

static void
on_damage(void *arg, const struct check_damage *found)
{
	struct sweep *s = arg;
	json_t *d = damage_of(s, &found->object);

	if (d != NULL &&
	    (out_set(d, "missing", json_boolean(found->missing)) != 0 ||
		out_set(d, "reason", json_string(found->reason)) != 0))
		s->short_of_memory = true;
}

static void
on_hurt(void *arg, const struct digest *object, const char *model,
    const struct digest *version, const char *path)
{
	struct sweep *s = arg;
	char hex[DIGEST_HEX_SIZE];
	json_t *d = damage_of(s, object);

	if (d != NULL &&
	    json_array_append_new(json_object_get(d, "hurts"),
		json_pack("{s:s, s:s, s:s}", "model", model, "version",
		    digest_hex(version, hex), "path", path)) != 0)
		s->short_of_memory = true;
}

static void
on_progress(void *arg, const struct check_totals *now)
{
	struct sweep *s = arg;

	progress_check(s->progress, now);
}

static int
check_one(struct sweep *s, struct check *check, struct store *store,
    const char *model, const char *digits)
{
	OWNED_MEM(char) reference = NULL;
	OWNED(page_key) key = NULL;
	struct version_open how = { .store = store };
	struct msg_version m;
	int r;

	if (asprintf(&reference, "%s@%s", model, digits) < 0) {
		reference = NULL;
		return ERR_NOMEM;
	}
	if ((r = client_version_get(s->client, reference, &m)) != 0)
		return r;
	how.object = m.object;
	how.version = m.version;
	if ((r = page_key_from(&key, m.manifest_key)) == 0) {
		how.manifest_key = key;
		r = check_version(check, m.model, &how);
	}
	msg_version_clear(&m);
	s->versions++;
	return r;
}

static int
check_all(struct sweep *s, struct check *check, struct store *store,
    const json_t *models)
{
	json_t *model, *v;
	size_t i, k;
	int r;

	json_array_foreach(models, i, model)
		json_array_foreach(json_object_get(model, "versions"), k, v) {
			if (*s->o->stop)
				return CMD_INTERRUPTED;
			r = check_one(s, check, store,
			    talk_text(model, "model"), talk_text(v, "version"));
			if (r != 0)
				return r;
		}
	return 0;
}

static int
sweep(struct sweep *s, struct check_totals *totals)
{
	OWNED(check) check = NULL;
	OWNED(store) store = NULL;
	OWNED_JSON j = NULL;
	struct check_how how = {
		.read_data = s->read_data,
		.damage = on_damage,
		.hurts = on_hurt,
		.progress = on_progress,
		.arg = s,
	};
	int r;

	if ((r = talk_store(&store, s->o, false)) != 0 ||
	    (r = talk_list(s->client, MSG_MODEL_LS, "models",
		 &(struct msg_list){ 0 }, &j)) != 0)
		return r;
	how.store = store;
	if ((r = check_new(&check, &how)) != 0)
		return r;
	r = check_all(s, check, store, json_object_get(j, "models"));
	if (r != 0 || (r = check_end(check, totals)) != 0)
		return r;
	return s->short_of_memory ? ERR_NOMEM : 0;
}

static int
report(struct sweep *s, const struct check_totals *totals)
{
	OWNED_WRITER body = writer_of(MSG_TEXT_MAX);
	struct msg_check_report m = {
		.objects = totals->objects,
		.bytes = totals->bytes,
		.data = s->read_data,
		.damaged = totals->damaged,
		.missing = totals->missing,
	};
	struct reader reply;

	msg_check_report_write(&body, &m);
	return client_call(s->client, MSG_CHECK_REPORT, &body, &reply);
}

static int
print_json(const struct sweep *s, const struct check_totals *t)
{
	OWNED_JSON
	j = json_pack("{s:b, s:I, s:I, s:I, s:b, s:I, s:I, s:I, s:O}", "ok",
	    t->damaged + t->missing == 0, "versions", (json_int_t)s->versions,
	    "objects", (json_int_t)t->objects, "bytes", (json_int_t)t->bytes,
	    "data", s->read_data, "damaged", (json_int_t)t->damaged, "missing",
	    (json_int_t)t->missing, "unreferenced", (json_int_t)t->unreferenced,
	    "damage", s->damage);

	return j != NULL ? out_json(j) : ERR_NOMEM;
}

static void
print_damage(const struct sweep *s)
{
	json_t *d, *hurt;
	size_t i, k;

	json_array_foreach(s->damage, i, d) {
		out_line("%s %s%s%s",
		    talk_bool(d, "missing") ? "missing" : "damaged",
		    talk_text(d, "object"),
		    talk_text(d, "reason")[0] != '\0' ? ": " : "",
		    talk_text(d, "reason"));
		json_array_foreach(json_object_get(d, "hurts"), k, hurt)
			out_line("  hurts %s@%.12s %s",
			    talk_text(hurt, "model"),
			    talk_text(hurt, "version"),
			    talk_text(hurt, "path"));
	}
}

static void
print_text(const struct sweep *s, const struct check_totals *t)
{
	char size[OUT_SIZE];

	print_damage(s);
	out_line("versions looked at  %llu", (unsigned long long)s->versions);
	out_line("objects looked at   %llu, %s, %s",
	    (unsigned long long)t->objects, out_size(t->bytes, size),
	    s->read_data ? "read wholly" : "by their headers and sizes");
	out_line("damaged             %llu", (unsigned long long)t->damaged);
	out_line("missing             %llu", (unsigned long long)t->missing);
	out_line("unreferenced        %llu, of no version",
	    (unsigned long long)t->unreferenced);
	if (t->damaged + t->missing > 0 && !s->o->quiet)
		log_info("next: put the same files in again ('weir put' "
			 "replaces what is damaged), or restore objects/ from "
			 "a backup");
}

int
cmd_check(struct options *o, int argc, char **argv)
{
	struct sweep s = { .o = o };
	const struct options_own own[] = {
		{ "read-data", 0, OPTIONS_FLAG, &s.read_data },
		OPTIONS_END,
	};
	struct options_operands none;
	OWNED(client) client = NULL;
	OWNED(progress) progress = NULL;
	OWNED_JSON damage = json_array();
	OWNED_JSON index = json_object();
	struct check_totals totals;
	int r;

	if ((r = options_parse(o, own, argc, argv, &none)) != 0 ||
	    (r = talk_open(&client, o)) != 0 ||
	    (r = progress_new(&progress, o->quiet)) != 0)
		return r;
	s.client = client;
	s.progress = progress;
	s.damage = damage;
	s.index = index;
	r = sweep(&s, &totals);
	progress_clear(progress);
	if (r != 0 || (r = report(&s, &totals)) != 0)
		return r;

	if (!o->json)
		print_text(&s, &totals);
	else if ((r = print_json(&s, &totals)) != 0)
		return r;
	return totals.damaged + totals.missing > 0 ? CMD_INTEGRITY : 0;
}
