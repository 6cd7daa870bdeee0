/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "vault/err.h"
#include "vault/utf8.h"

#define LINE_SIZE 2048
#define KINDS 32 /* formats that are counted */
#define LIMIT_SECONDS 10

enum { LEVEL_ERROR, LEVEL_WARN, LEVEL_INFO };

/* Lines of one format. */
struct kind {
	const char *fmt;
	time_t since;
	unsigned int said;
	unsigned int dropped;
};

/* The one place with state at file scope: the process has one stderr. */
static struct {
	pthread_mutex_t mutex;
	char program[32];
	int level;
	bool journal;
	void (*sink)(void *arg, const char *line);
	void *arg;
	unsigned int limit;
	struct kind kinds[KINDS];
	void (*ear)(void *arg, const char *line);
	void *ear_arg;
} state = {
	.mutex = PTHREAD_MUTEX_INITIALIZER,
	.program = "weir",
	.level = LEVEL_INFO,
};

/* sd-daemon(3): $JOURNAL_STREAM is the device and inode of the journal's
 * socket; it is inherited by children whose stderr goes elsewhere. */
static bool
stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	if (stream == NULL || sscanf(stream, "%llu:%llu", &device, &inode) != 2)
		return false;
	return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device &&
	    st.st_ino == inode;
}

void
log_init(const char *program)
{
	LOCKED(lock, &state.mutex);

	snprintf(state.program, sizeof(state.program), "%s", program);
	state.journal = stderr_is_journal();
}

void
log_level(int level)
{
	LOCKED(lock, &state.mutex);

	state.level = level;
}

void
log_sink(void (*sink)(void *arg, const char *line), void *arg)
{
	LOCKED(lock, &state.mutex);

	state.sink = sink;
	state.arg = arg;
}

void
log_limit(unsigned int most)
{
	LOCKED(lock, &state.mutex);

	state.limit = most;
	memset(state.kinds, 0, sizeof(state.kinds));
}

/* The count of a format; in place of the oldest one if it is new. */
static struct kind *
kind_of(const char *fmt)
{
	struct kind *oldest = &state.kinds[0];

	for (size_t i = 0; i < KINDS; i++) {
		if (state.kinds[i].fmt == fmt)
			return &state.kinds[i];
		if (state.kinds[i].since < oldest->since)
			oldest = &state.kinds[i];
	}
	*oldest = (struct kind){ .fmt = fmt };
	return oldest;
}

/* Whether a line may be said; *dropped is how many like it were not. */
static bool
admit(const char *fmt, unsigned int *dropped)
{
	struct timespec now;
	struct kind *k;

	*dropped = 0;
	if (state.limit == 0)
		return true;
	clock_gettime(CLOCK_BOOTTIME, &now);
	k = kind_of(fmt);
	if (k->said == 0 || now.tv_sec - k->since >= LIMIT_SECONDS) {
		*dropped = k->dropped;
		k->since = now.tv_sec;
		k->said = k->dropped = 0;
	}
	if (k->said >= state.limit) {
		k->dropped++;
		return false;
	}
	k->said++;
	return true;
}

static _Thread_local bool hushed;

void
log_hush(bool hush)
{
	hushed = hush;
}

void
log_ear(void (*ear)(void *arg, const char *line), void *arg)
{
	LOCKED(lock, &state.mutex);

	state.ear = ear;
	state.ear_arg = arg;
}

/* A line stays one line, and cannot steer a terminal, whatever is in it. */
static void
flatten(char *line)
{
	size_t n, left = strlen(line);
	uint32_t code;

	for (; left > 0; left -= n, line += n) {
		n = utf8_length((const uint8_t *)line, left, &code);
		if (n > 0 && !utf8_acts(code))
			continue;
		n = n > 0 ? n : 1;
		memset(line, '?', n);
	}
}

/* One write(2) for a line, so that lines of processes do not mix. */
static void
emit(const char *prefix, char *line)
{
	char out[LINE_SIZE + 8];
	int n;

	n = snprintf(out, sizeof(out), "%s%s\n", prefix, line);
	if (n > 0 && write(STDERR_FILENO, out, (size_t)n) < 0)
		return; /* nowhere left to say it */
}

static const char *
reason(int errnum)
{
	const char *text = strerrordesc_np(errnum);

	return text != NULL ? text : "unknown error";
}

static void say(int level, int errnum, const char *fmt, va_list args)
    PRINTF_LIKE(3, 0);

static void
say(int level, int errnum, const char *fmt, va_list args)
{
	static const char *const prefixes[] = { "<3>", "<4>", "<6>" };
	char line[LINE_SIZE], text[LINE_SIZE - 256], more[48] = "";
	unsigned int dropped;
	LOCKED(lock, &state.mutex);

	if (hushed || level > state.level || !admit(fmt, &dropped))
		return;
	if (vsnprintf(text, sizeof(text), fmt, args) < 0)
		return;
	if (dropped > 0)
		snprintf(more, sizeof(more), " (and %u more like it before)",
		    dropped);
	snprintf(line, sizeof(line), "%s: %s%s%s%s", state.program, text,
	    errnum != 0 ? ": " : "", errnum != 0 ? reason(errnum) : "", more);
	flatten(line);
	if (state.ear != NULL)
		state.ear(state.ear_arg, line + strlen(state.program) + 2);
	if (state.sink != NULL)
		state.sink(state.arg, line);
	else
		emit(state.journal ? prefixes[level] : "", line);
}

void
log_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(LEVEL_ERROR, 0, fmt, args);
	va_end(args);
}

void
log_warn(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(LEVEL_WARN, 0, fmt, args);
	va_end(args);
}

void
log_info(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(LEVEL_INFO, 0, fmt, args);
	va_end(args);
}

int
log_err(int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(LEVEL_ERROR, 0, fmt, args);
	va_end(args);
	return err;
}

int
log_sys(const char *fmt, ...)
{
	int errnum = errno;
	va_list args;

	va_start(args, fmt);
	say(LEVEL_ERROR, errnum, fmt, args);
	va_end(args);
	return err_from_errno(errnum);
}

/* Quotes and backslashes would make the printed name ambiguous. */
static bool
needs_escape(uint32_t c)
{
	return utf8_acts(c) || c == '"' || c == '\'' || c == '\\';
}

/* One unit of a printed name: a character as it is, or one byte as \xNN.
 * Returns how many bytes of s it stands for. */
static size_t
name_unit(const uint8_t *s, size_t left, char unit[static 5])
{
	uint32_t code = 0;
	size_t n = utf8_length(s, left, &code);

	if (n == 0 || needs_escape(code)) {
		snprintf(unit, 5, "\\x%02x", s[0]);
		return 1;
	}
	memcpy(unit, s, n);
	unit[n] = '\0';
	return n;
}

const char *
log_name(char *buf, size_t size, const char *name, size_t length)
{
	const uint8_t *s = (const uint8_t *)name;
	size_t at = 0, cut = 0;

	if (size == 0)
		return buf;
	for (size_t i = 0; i < length;) {
		char unit[5];
		size_t n, used = name_unit(s + i, length - i, unit);

		n = strlen(unit);
		if (at + n + 1 > size) {
			snprintf(buf + cut, size - cut, "...");
			return buf;
		}
		memcpy(buf + at, unit, n);
		at += n;
		if (at + 4 <= size)
			cut = at;
		i += used;
	}
	buf[at] = '\0';
	return buf;
}
