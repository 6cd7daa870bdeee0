/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/fake_keyd.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "keys/frame.h"
#include "vault/err.h"

#define PATIENCE_MS 10000

const uint8_t fake_keyd_token[32] = { 9, 8, 7 };

struct held {
	uint64_t id;
	struct msg_release m;
};

struct fake_keyd {
	const struct served *served;
	pthread_t thread;
	int wake;

	pthread_mutex_t mutex; /* of what follows */
	int fd;
	int next; /* a connection to go over to; -1: none */
	bool cut;
	bool stop;
	bool hold;
	int refuse, refuse_weights;
	bool damaged;
	uint64_t damaged_row;
	int disown;
	char *ended;
	struct held held[FAKE_RECORDS];
	size_t held_count;
	struct fake_record record;
};

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
wake(struct fake_keyd *k)
{
	const uint64_t one = 1;

	must(write(k->wake, &one, sizeof(one)) == sizeof(one));
}

/* Send a reply; its body was begun by msg_ok_write or msg_error_write. */
static void
reply(struct fake_keyd *k, const struct frame *to, const struct writer *body)
{
	OWNED_WRITER w = writer_of(FRAME_BUFFER);

	frame_begin(&w, (uint16_t)(to->type | FRAME_REPLY), to->id);
	writer_bytes(&w, body->bytes, body->length);
	must(frame_end(&w) == 0);
	(void)!frame_send(k->fd, &w);
}

static void
reply_error(struct fake_keyd *k, const struct frame *to, int err)
{
	OWNED_WRITER body = writer_of(MSG_TEXT_MAX);

	msg_error_write(&body, err, "the test wants it so");
	reply(k, to, &body);
}

static void
reply_ok(struct fake_keyd *k, const struct frame *to)
{
	OWNED_WRITER body = writer_of(MSG_TEXT_MAX);

	msg_ok_write(&body);
	reply(k, to, &body);
}

static void
reply_resume(struct fake_keyd *k, const struct frame *f)
{
	struct reader r = reader_of(f->body, f->length);
	struct msg_version version = { .model = (char[]){ "m" },
		.channel = (char[]){ "latest" },
		.type = MSG_GRANT_LOAD,
		.window = 64,
		.by = NULL };
	struct msg_session s = { .session = FAKE_SESSION,
		.count = 1,
		.versions = &version };
	OWNED_WRITER body = writer_of(FRAME_MAX);
	struct msg_session_resume m;

	if (msg_session_resume_read(&m, &r) != 0 || m.session != FAKE_SESSION ||
	    memcmp(m.token, fake_keyd_token, sizeof(m.token)) != 0) {
		k->record.malformed++;
		reply_error(k, f, ERR_FORMAT);
		return;
	}
	k->record.resumes++;
	if (k->disown != 0) {
		reply_error(k, f, k->disown);
		return;
	}
	msg_ok_write(&body);
	msg_session_write(&body, &s);
	reply(k, f, &body);
}

static void
send_keys(struct fake_keyd *k, const struct frame *to,
    const struct msg_release *m)
{
	OWNED_WRITER body = writer_of(FRAME_MAX);
	struct msg_release_reply keys = { .count = m->count };

	for (uint32_t i = 0; i < m->count; i++) {
		must(m->first + i < k->served->manifest->chunk_rows);
		memcpy(keys.rows[i].key, k->served->keys[m->first + i],
		    KEY_SIZE);
		keys.rows[i].length = k->served->lengths[m->first + i];
	}
	msg_ok_write(&body);
	msg_release_reply_write(&body, &keys);
	reply(k, to, &body);
}

/* Whether it has rows of `big`. */
static bool
weighs(const struct fake_keyd *k, const struct msg_release *m)
{
	return m->first < k->served->manifest->files[SERVED_BIG].rows;
}

static void
on_release(struct fake_keyd *k, const struct frame *f)
{
	struct reader r = reader_of(f->body, f->length);
	struct msg_release m;

	if (msg_release_read(&m, &r) != 0 || m.session != FAKE_SESSION ||
	    m.version != 0) {
		k->record.malformed++;
		return;
	}
	if (k->record.releases < FAKE_RECORDS)
		k->record.release[k->record.releases] = m;
	k->record.releases++;
	if (k->refuse != 0)
		reply_error(k, f, k->refuse);
	else if (k->refuse_weights != 0 && weighs(k, &m))
		reply_error(k, f, k->refuse_weights);
	else if (k->damaged && k->damaged_row >= m.first &&
	    k->damaged_row - m.first < m.count)
		reply_error(k, f, ERR_INTEGRITY);
	else if (k->hold)
		k->held[k->held_count++] = (struct held){ f->id, m };
	else
		send_keys(k, f, &m);
}

static void
on_extents(struct fake_keyd *k, const struct frame *f)
{
	struct reader r = reader_of(f->body, f->length);
	struct msg_extents m;

	if (msg_extents_read(&m, &r) != 0) {
		k->record.malformed++;
		return;
	}
	for (uint32_t i = 0; i < m.count; i++) {
		if (k->record.extents < FAKE_RECORDS) {
			k->record.extent[k->record.extents] = m.extents[i];
			m.extents[i].exe = NULL; /* kept */
		}
		k->record.extents++;
	}
	msg_extents_clear(&m);
	reply_ok(k, f);
}

static void
on_trouble(struct fake_keyd *k, const struct frame *f)
{
	struct reader r = reader_of(f->body, f->length);
	struct msg_trouble m;

	if (msg_trouble_read(&m, &r) != 0 || m.session != FAKE_SESSION) {
		k->record.malformed++;
		return;
	}
	k->record.troubles++;
	k->record.trouble = m.what;
	reply_ok(k, f);
}

static void
on_fault(struct fake_keyd *k, const struct frame *f)
{
	struct reader r = reader_of(f->body, f->length);
	struct msg_fault m;

	if (msg_fault_read(&m, &r) != 0) {
		k->record.malformed++;
		return;
	}
	if (k->record.faults < FAKE_RECORDS)
		k->record.fault[k->record.faults] = m.object;
	k->record.faults++;
	msg_fault_clear(&m);
	reply_ok(k, f);
}

static void
on_frame(struct fake_keyd *k, const struct frame *f)
{
	if (f->type == MSG_SESSION_RESUME)
		reply_resume(k, f);
	else if (f->type == MSG_RELEASE)
		on_release(k, f);
	else if (f->type == MSG_EXTENTS)
		on_extents(k, f);
	else if (f->type == MSG_FAULT)
		on_fault(k, f);
	else if (f->type == MSG_TROUBLE)
		on_trouble(k, f);
	else
		k->record.malformed++;
}

static void
release_held(struct fake_keyd *k)
{
	for (size_t i = 0; i < k->held_count; i++) {
		const struct frame f = { .type = MSG_RELEASE,
			.id = k->held[i].id };

		send_keys(k, &f, &k->held[i].m);
	}
	k->held_count = 0;
}

static void
send_ended(struct fake_keyd *k)
{
	const struct msg_id_reason m = { .id = FAKE_SESSION,
		.reason = k->ended };
	OWNED_WRITER body = writer_of(MSG_TEXT_MAX);
	OWNED_WRITER w = writer_of(FRAME_BUFFER);

	msg_id_reason_write(&body, &m);
	frame_begin(&w, MSG_EVENT_SESSION_ENDED, 0);
	writer_bytes(&w, body.bytes, body.length);
	must(frame_end(&w) == 0);
	(void)!frame_send(k->fd, &w);
	free(k->ended);
	k->ended = NULL;
}

static void
drop(struct fake_keyd *k)
{
	if (k->fd >= 0)
		close(k->fd);
	k->fd = -1;
	k->held_count = 0;
	k->cut = false;
}

/* What the test asked for since. */
static void
obey(struct fake_keyd *k)
{
	uint64_t count;

	must(read(k->wake, &count, sizeof(count)) > 0);
	if (k->cut)
		drop(k);
	if (k->next >= 0) {
		drop(k);
		k->fd = k->next;
		k->next = -1;
	}
	if (k->fd >= 0 && !k->hold)
		release_held(k);
	if (k->fd >= 0 && k->ended != NULL)
		send_ended(k);
}

static void *
run(void *arg)
{
	struct fake_keyd *k = arg;
	OWNED_WRITER buf = writer_of(FRAME_BUFFER);

	for (;;) {
		struct pollfd polls[2] = {
			{ .fd = k->wake, .events = POLLIN },
			{ .fd = k->fd, .events = POLLIN },
		};
		struct frame f;

		must(poll(polls, 2, -1) > 0);
		LOCKED(lock, &k->mutex);

		if (k->stop)
			return NULL;
		if (polls[0].revents != 0)
			obey(k);
		else if (frame_receive(k->fd, &buf, &f) == 0)
			on_frame(k, &f);
		else
			drop(k);
	}
}

struct fake_keyd *
fake_keyd_new(const struct served *s)
{
	struct fake_keyd *k = calloc(1, sizeof(*k));

	must(k != NULL);
	k->served = s;
	k->fd = k->next = -1;
	k->wake = eventfd(0, EFD_CLOEXEC);
	must(k->wake >= 0);
	pthread_mutex_init(&k->mutex, NULL);
	must(pthread_create(&k->thread, NULL, run, k) == 0);
	return k;
}

void
fake_keyd_free(struct fake_keyd *k)
{
	{
		LOCKED(lock, &k->mutex);

		k->stop = true;
		wake(k);
	}
	pthread_join(k->thread, NULL);
	drop(k);
	if (k->next >= 0)
		close(k->next);
	close(k->wake);
	for (size_t i = 0; i < FAKE_RECORDS; i++)
		free(k->record.extent[i].exe);
	free(k->ended);
	pthread_mutex_destroy(&k->mutex);
	free(k);
}

int
fake_keyd_connect(struct fake_keyd *k)
{
	int pair[2];
	LOCKED(lock, &k->mutex);

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	if (k->next >= 0)
		close(k->next);
	k->next = pair[0];
	wake(k);
	return pair[1];
}

void
fake_keyd_cut(struct fake_keyd *k)
{
	LOCKED(lock, &k->mutex);

	k->cut = true;
	wake(k);
}

void
fake_keyd_hold(struct fake_keyd *k, bool hold)
{
	LOCKED(lock, &k->mutex);

	k->hold = hold;
	wake(k);
}

void
fake_keyd_refuse(struct fake_keyd *k, int err)
{
	LOCKED(lock, &k->mutex);

	k->refuse = err;
}

void
fake_keyd_refuse_weights(struct fake_keyd *k, int err)
{
	LOCKED(lock, &k->mutex);

	k->refuse_weights = err;
}

void
fake_keyd_damage(struct fake_keyd *k, uint64_t row)
{
	LOCKED(lock, &k->mutex);

	k->damaged = true;
	k->damaged_row = row;
}

void
fake_keyd_disown(struct fake_keyd *k, int err)
{
	LOCKED(lock, &k->mutex);

	k->disown = err;
}

void
fake_keyd_end(struct fake_keyd *k, const char *reason)
{
	LOCKED(lock, &k->mutex);

	k->ended = strdup(reason);
	must(k->ended != NULL);
	wake(k);
}

struct fake_record *
fake_keyd_record(struct fake_keyd *k)
{
	struct fake_record *copy = malloc(sizeof(*copy));
	LOCKED(lock, &k->mutex);

	must(copy != NULL);
	*copy = k->record;
	return copy;
}

bool
fake_keyd_await(struct fake_keyd *k, size_t releases, size_t faults,
    size_t extents)
{
	const struct timespec pause = { .tv_nsec = 5000000 };

	for (int ms = 0; ms < PATIENCE_MS; ms += 5) {
		{
			LOCKED(lock, &k->mutex);

			if (k->record.releases >= releases &&
			    k->record.faults >= faults &&
			    k->record.extents >= extents)
				return true;
		}
		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	}
	return false;
}
