/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/desk.h"

#include <assert.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "keys/broker_state.h"
#include "keys/frame.h"
#include "keys/keyring_start.h"
#include "vault/err.h"

#define DESK_TICK_MS 2000

static void
on_send(void *arg, const void *bytes, size_t n)
{
	struct desk_person *p = arg;
	struct frame f;
	size_t used;

	DESK_MUST(frame_parse(&f, bytes, n, &used));
	assert(used == n);
	p->d->size_at_send = trail_size(p->d->trail);
	if ((f.type & FRAME_EVENT) != 0) {
		struct reader r = reader_of(f.body, f.length);
		struct msg_id_reason m;

		DESK_MUST(msg_id_reason_read(&m, &r));
		p->ended = m.id;
		p->events++;
		msg_id_reason_clear(&m);
		return;
	}
	p->replies++;
	if (f.id == p->last_id) {
		writer_reset(&p->answer);
		writer_bytes(&p->answer, bytes, n);
		p->answered = true;
	}
}

static void
on_wake(void *arg)
{
	struct desk *d = arg;

	pthread_mutex_lock(&d->mutex);
	d->wakes++;
	pthread_cond_broadcast(&d->woken);
	pthread_mutex_unlock(&d->mutex);
}

static void
on_recorded(void *arg, uint64_t index, const struct entry_view *e)
{
	struct desk *d = arg;

	(void)index;
	(void)e;
	d->recorded++;
}

static int
replay(void *arg, uint64_t index, const uint8_t *bytes, size_t n)
{
	struct entry_view v;
	int err = entry_parse(&v, bytes, n);

	if (err == 0) {
		err = catalogue_apply(arg, index, &v);
		entry_view_clear(&v);
	}
	return err;
}

static const uint8_t key_file[32] = "a key file for a vault in tests";

struct unlock
desk_secret(void)
{
	struct unlock u = { .kind = UNLOCK_KEY_FILE };

	DESK_MUST(secret_text_from(&u.secret, key_file, sizeof(key_file)));
	return u;
}

static void
open_lookout(struct desk *d)
{
	const struct lookout_how how = {
		.vault = d->vault,
		.rules = &d->rules,
		.seen = catalogue_watched(d->catalogue),
		.from = catalogue_applied(d->catalogue),
		.now_ms = broker_record_clock(),
		.wake = on_wake,
		.arg = d,
	};

	watch_rules_default(&d->rules);
	DESK_MUST(lookout_new(&d->lookout, &how));
}

static void
open_all(struct desk *d)
{
	struct unlock secret = { .kind = UNLOCK_KEY_FILE };
	struct trail_open trail = { .each = replay };
	struct broker_how how = {
		.program = "test",
		.service = d->service,
		.send = on_send,
		.wake = on_wake,
		.recorded = on_recorded,
		.verify = d->verify,
		.arg = d,
	};
	char *path;

	DESK_MUST(vaultdir_open(&d->vault, d->path));
	DESK_MUST(secret_text_from(&secret.secret, key_file, sizeof(key_file)));
	DESK_MUST(keyring_open(d->vault->dir, &secret, &d->keyring));
	unlock_clear(&secret);
	path = vaultdir_path(d->vault, VAULTDIR_CATALOGUE);
	DESK_MUST(catalogue_open(&d->catalogue, path));
	free(path);
	path = vaultdir_path(d->vault, VAULTDIR_OBJECTS);
	DESK_MUST(store_dir_open(&d->store, path));
	free(path);
	trail.vault = d->vault->dir;
	trail.key = &d->vault->key;
	trail.seed = d->keyring->log_seed;
	trail.from = catalogue_applied(d->catalogue);
	trail.arg = d->catalogue;
	memcpy(trail.id.bytes, d->vault->id, sizeof(trail.id.bytes));
	DESK_MUST(trail_open(&d->trail, &trail));
	DESK_MUST(catalogue_flush(d->catalogue));
	DESK_MUST(keyring_start_settle(d->vault, d->catalogue, d->keyring));
	how.vault = d->vault;
	how.keyring = d->keyring;
	how.catalogue = d->catalogue;
	how.trail = d->trail;
	how.store = d->store;
	if (d->watched)
		open_lookout(d);
	how.lookout = d->lookout;
	DESK_MUST(broker_new(&d->broker, &how));
}

static void
close_all(struct desk *d)
{
	broker_free(d->broker);
	lookout_free(d->lookout);
	d->lookout = NULL;
	trail_free(d->trail);
	store_free(d->store);
	catalogue_free(d->catalogue);
	keyring_free(d->keyring);
	vaultdir_free(d->vault);
}

/* Nobody will need it. */
static int
drop_recovery(void *arg, const struct vaultdir_made *made)
{
	(void)arg;
	(void)made;
	return 0;
}

void
desk_new(struct desk *d, bool service)
{
	struct unlock secret = { .kind = UNLOCK_KEY_FILE };
	struct vaultdir_init how = {
		.first = &secret,
		.owner = "user:root",
		.keep = drop_recovery,
	};

	/* What a real disk makes of a sync is for other tests. */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0);
	*d = (struct desk){ .scratch = scratch_new(), .service = service };
	pthread_mutex_init(&d->mutex, NULL);
	pthread_cond_init(&d->woken, NULL);
	DESK_MUST(secret_init());
	DESK_MUST(asprintf(&d->path, "%s/vault", d->scratch.path) < 0);
	DESK_MUST(secret_text_from(&secret.secret, key_file, sizeof(key_file)));
	how.path = d->path;
	DESK_MUST(vaultdir_init(&how));
	unlock_clear(&secret);
	open_all(d);
}

void
desk_restart(struct desk *d, bool cleanly)
{
	if (cleanly)
		DESK_MUST(broker_stop(d->broker));
	close_all(d);
	open_all(d);
}

void
desk_free(struct desk *d)
{
	close_all(d);
	pthread_cond_destroy(&d->woken);
	pthread_mutex_destroy(&d->mutex);
	free(d->path);
	scratch_free(&d->scratch);
}

/* Whether its threads owe it something: a reply that does not come then waits
 * for them, and not for a later tick. */
static bool
is_busy(struct broker *b)
{
	bool busy;

	pthread_mutex_lock(&b->mutex);
	busy = b->owed > 0 || b->owed_publish > 0 || !STAILQ_EMPTY(&b->checks);
	pthread_mutex_unlock(&b->mutex);
	return busy;
}

void
desk_settle(struct desk *d)
{
	bool late = false;
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 1;
	pthread_mutex_lock(&d->mutex);
	while (d->wakes == 0 && !late)
		late = pthread_cond_timedwait(&d->woken, &d->mutex, &until) !=
		    0;
	pthread_mutex_unlock(&d->mutex);
	late = late && !is_busy(d->broker);
	pthread_mutex_lock(&d->mutex);
	late = late && d->wakes == 0;
	d->wakes = 0;
	pthread_mutex_unlock(&d->mutex);
	broker_durable(d->broker);
	/* A reply may be held back until a later tick. */
	if (late)
		broker_tick(d->broker, d->broker->now_ms + DESK_TICK_MS);
}

void
desk_send(struct desk_person *p, enum msg_type type, const struct writer *body)
{
	OWNED_WRITER w = writer_of(FRAME_BUFFER);
	struct frame f;
	size_t used;

	frame_begin(&w, (uint16_t)type, ++p->last_id);
	if (body != NULL)
		writer_bytes(&w, body->bytes, body->length);
	DESK_MUST(frame_end(&w));
	DESK_MUST(frame_parse(&f, w.bytes, w.length, &used));
	p->answered = false;
	DESK_MUST(broker_request(p->link, &f));
}

int
desk_ask(struct desk_person *p, enum msg_type type, const struct writer *body,
    struct reader *reply)
{
	struct frame f;
	struct reader r;
	char *sentence = NULL;
	size_t used;
	int err;

	desk_send(p, type, body);
	while (!p->answered)
		desk_settle(p->d);
	DESK_MUST(frame_parse(&f, p->answer.bytes, p->answer.length, &used));
	assert(f.type == ((unsigned int)type | FRAME_REPLY));
	r = reader_of(f.body, f.length);
	DESK_MUST(msg_status_read(&r, &err, &sentence));
	snprintf(p->sentence, sizeof(p->sentence), "%s",
	    sentence != NULL ? sentence : "");
	free(sentence);
	if (reply != NULL)
		*reply = r;
	return err;
}

void
desk_person_come(struct desk_person *p, struct desk *d, uid_t uid)
{
	const struct peer peer = { .uid = uid, .pid = getpid() };
	OWNED_WRITER body = writer_of(256);
	char program[] = "test";
	const struct msg_hello m = { .version = MSG_VERSION, program };

	*p = (struct desk_person){ .d = d, .answer = writer_of(FRAME_BUFFER) };
	DESK_MUST(broker_attach(d->broker, &peer, p, &p->link));
	msg_hello_write(&body, &m);
	DESK_MUST(desk_ask(p, MSG_HELLO, &body, NULL));
}

void
desk_person_go(struct desk_person *p)
{
	broker_detach(p->link);
	writer_free(&p->answer);
}

int
desk_role(struct desk_person *p, enum msg_type type, const char *role,
    const char *family, const char *to)
{
	OWNED_WRITER body = writer_of(4096);

	writer_string(&body, role);
	writer_string(&body, family);
	writer_string(&body, to);
	return desk_ask(p, type, &body, NULL);
}

int
desk_grant(struct desk_person *p, const char *model, const char *to,
    enum msg_grant_type type, bool export, uint64_t *id)
{
	OWNED_WRITER body = writer_of(4096);
	char who[128], what[256], why[] = "a test", none[] = "";
	const struct msg_grant_add m = {
		.model = what,
		.channel = none,
		.version = none,
		.to = who,
		.type = type,
		.loads = type == MSG_GRANT_LOAD ? 3 : 0,
		.export = export,
		.reason = why,
	};
	struct reader reply;
	int err;

	snprintf(what, sizeof(what), "%s", model);
	snprintf(who, sizeof(who), "%s", to);
	msg_grant_add_write(&body, &m);
	err = desk_ask(p, MSG_GRANT_ADD, &body, &reply);
	if (err == 0)
		DESK_MUST(msg_number_read(id, &reply));
	return err;
}

int
desk_grant_rm(struct desk_person *p, uint64_t id)
{
	OWNED_WRITER body = writer_of(4096);
	char reason[] = "no more";
	const struct msg_id_reason m = { .id = id, .reason = reason };

	msg_id_reason_write(&body, &m);
	return desk_ask(p, MSG_GRANT_RM, &body, NULL);
}

/* The version that a bare model was put as last; other references as they
 * are. */
static void
name_version(struct desk *d, const char *ref, char out[static 256])
{
	char hex[DIGEST_HEX_SIZE];
	struct digest version;

	snprintf(out, 256, "%s", ref);
	if (strpbrk(ref, ":@") == NULL &&
	    catalogue_version_channel(d->catalogue, ref, "latest", &version) ==
		0)
		snprintf(out, 256, "%s@%s", ref, digest_hex(&version, hex));
}

int
desk_open(struct desk_person *p, const char *ref, enum msg_purpose purpose,
    const char *principal, struct msg_session *out)
{
	OWNED_WRITER body = writer_of(8192);
	struct reader reply;
	char named[256];
	int err;

	name_version(p->d, ref, named);
	writer_string(&body, principal);
	writer_u8(&body, (uint8_t)purpose);
	writer_string(&body, "/mnt");
	writer_string(&body, "host");
	writer_u32(&body, 7);
	writer_string(&body, "/bin/test");
	writer_u8(&body, MSG_UNSIGNED);
	writer_u16(&body, 1);
	writer_string(&body, named);
	err = desk_ask(p, MSG_SESSION_OPEN, &body, &reply);
	if (err == 0)
		DESK_MUST(msg_session_read(out, &reply));
	return err;
}

int
desk_release(struct desk_person *p, uint64_t session, uint64_t first,
    uint32_t count, struct msg_release_reply *out)
{
	OWNED_WRITER body = writer_of(64);
	const struct msg_release m = {
		.session = session,
		.first = first,
		.count = count,
	};
	struct reader reply;
	int err;

	msg_release_write(&body, &m);
	err = desk_ask(p, MSG_RELEASE, &body, &reply);
	if (err == 0)
		DESK_MUST(msg_release_reply_read(out, &reply));
	return err;
}

void *
desk_json(struct desk_person *p, enum msg_type type, const struct writer *body)
{
	struct reader reply;
	json_error_t why;
	json_t *j;
	char *text;

	if (desk_ask(p, type, body, &reply) != 0)
		return NULL;
	DESK_MUST(msg_text_read(&text, &reply));
	j = json_loads(text, JSON_REJECT_DUPLICATES, &why);
	free(text);
	assert(j != NULL);
	return j;
}

void *
desk_list(struct desk_person *p, enum msg_type type, const struct msg_list *m)
{
	OWNED_WRITER body = writer_of(FRAME_MAX);
	char empty[] = "";
	struct msg_list whole = *m;

	whole.model = m->model != NULL ? m->model : empty;
	whole.after = m->after != NULL ? m->after : empty;
	msg_list_write(&body, &whole);
	return desk_json(p, type, &body);
}

struct search {
	const char *kind;
	unsigned int count;
	json_t *last;
};

static int
look_at(void *arg, uint64_t index, const uint8_t *bytes, size_t n)
{
	struct search *s = arg;
	json_error_t why;
	json_t *j = json_loadb((const char *)bytes, n, 0, &why);
	const char *kind = json_string_value(json_object_get(j, "kind"));

	(void)index;
	assert(kind != NULL);
	if (strcmp(kind, s->kind) == 0) {
		s->count++;
		json_decref(s->last);
		s->last = json_incref(j);
	}
	json_decref(j);
	return 0;
}

static struct search
search(struct desk *d, const char *kind)
{
	struct search s = { .kind = kind };
	struct note_checkpoint published;
	OWNED(trail_reader) r = NULL;

	DESK_MUST(trail_publish(d->trail, &published, NULL));
	DESK_MUST(trail_reader_open(&r, d->vault->dir, &d->vault->key));
	DESK_MUST(trail_reader_each(r, 0, published.size, look_at, &s));
	return s;
}

unsigned int
desk_count(struct desk *d, const char *kind)
{
	struct search s = search(d, kind);

	json_decref(s.last);
	return s.count;
}

void *
desk_last(struct desk *d, const char *kind)
{
	return search(d, kind).last;
}

const char *
desk_text(const json_t *j, const char *key)
{
	return json_string_value(json_object_get(j, key));
}
