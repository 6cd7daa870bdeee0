/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/out.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vault/err.h"
#include "vault/log.h"
#include "vault/utf8.h"

#define GAP 2

struct out_table {
	size_t columns;
	bool right[OUT_COLUMNS];
	size_t width[OUT_COLUMNS];
	size_t count;
	size_t capacity;
	char **cells; /* row after row, the headings first; all cleaned */
};

void
out_json_drop(json_t **j)
{
	json_decref(*j);
}

int
out_json(const json_t *j)
{
	if (json_dumpf(j, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12)) !=
		0 &&
	    !ferror(stdout))
		return ERR_NOMEM;
	putchar('\n');
	return 0;
}

int
out_set(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) == 0 ? 0 : ERR_NOMEM;
}

char *
out_size(uint64_t bytes, char buf[static OUT_SIZE])
{
	static const char *const units[] = { "kB", "MB", "GB", "TB", "PB",
		"EB" };
	double v = (double)bytes / 1000;
	size_t u = 0;

	if (bytes < 1000) {
		snprintf(buf, OUT_SIZE, "%u B", (unsigned int)bytes);
		return buf;
	}
	while (v >= 999.95 && u + 1 < sizeof(units) / sizeof(units[0])) {
		v /= 1000;
		u++;
	}
	snprintf(buf, OUT_SIZE, "%.1f %s", v, units[u]);
	return buf;
}

char *
out_time(int64_t ms, char buf[static OUT_TIME])
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	if (gmtime_r(&seconds, &tm) == NULL ||
	    strftime(buf, OUT_TIME, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(buf, OUT_TIME, "?");
	return buf;
}

char *
out_when(const char *text, char buf[static OUT_TIME])
{
	size_t n = strcspn(text, ".Z");

	if (n >= OUT_TIME)
		n = OUT_TIME - 1;
	memcpy(buf, text, n);
	buf[n] = '\0';
	if (n > 10 && buf[10] == 'T')
		buf[10] = ' ';
	return buf;
}

char *
out_count(uint64_t n, const char *noun, char buf[static OUT_COUNT])
{
	size_t stem = strlen(noun);
	const char *end = n == 1 ? "" : "s";

	/* an entry, two entries; a key, two keys */
	if (n != 1 && stem > 1 && noun[stem - 1] == 'y' &&
	    strchr("aeiou", noun[stem - 2]) == NULL) {
		stem--;
		end = "ies";
	}
	snprintf(buf, OUT_COUNT, "%llu %.*s%s", (unsigned long long)n,
	    (int)(stem < 40 ? stem : 40), noun, end);
	return buf;
}

/* text with the bytes that are not UTF-8 as \xNN and, where nothing may act,
 * the characters that do. */
static char *
escaped(const char *text, bool may_act)
{
	static const char hex[] = "0123456789abcdef";
	const uint8_t *s = (const uint8_t *)text;
	size_t left = strlen(text);
	char *out = malloc(4 * left + 1);
	char *to = out;

	if (out == NULL)
		return NULL;
	while (left > 0) {
		uint32_t code = 0;
		size_t n = utf8_length(s, left, &code);
		bool keep = n > 0 && (may_act || !utf8_acts(code));

		for (n = n > 0 ? n : 1; n > 0; n--, left--, s++) {
			if (keep) {
				*to++ = (char)*s;
				continue;
			}
			*to++ = '\\';
			*to++ = 'x';
			*to++ = hex[*s >> 4];
			*to++ = hex[*s & 15];
		}
	}
	*to = '\0';
	return out;
}

char *
out_clean(const char *text)
{
	return escaped(text, false);
}

json_t *
out_text(const char *text)
{
	OWNED_MEM(char) whole = escaped(text, true);

	return whole != NULL ? json_string(whole) : NULL;
}

static void PRINTF_LIKE(2, 0) print_line(FILE *f, const char *fmt, va_list ap)
{
	OWNED_MEM(char) text = NULL;
	OWNED_MEM(char) clean = NULL;

	if (vasprintf(&text, fmt, ap) < 0) {
		text = NULL;
		return;
	}
	clean = out_clean(text);
	if (clean != NULL)
		fprintf(f, "%s\n", clean);
}

void
out_line(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_line(stdout, fmt, ap);
	va_end(ap);
}

void
out_line_to(FILE *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_line(f, fmt, ap);
	va_end(ap);
}

/* Characters, not bytes: good enough for names, which are rarely wide. */
static size_t
width_of(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

int
out_table_new(struct out_table **out, const char *const *heads, size_t columns)
{
	const char *names[OUT_COLUMNS];
	OWNED(out_table) t = NULL;
	int r;

	if (columns > OUT_COLUMNS)
		return ERR_LIMIT;
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return ERR_NOMEM;
	t->columns = columns;
	for (size_t i = 0; i < columns; i++) {
		t->right[i] = heads[i][0] == '>';
		names[i] = heads[i] + (t->right[i] ? 1 : 0);
	}
	if ((r = out_table_add(t, names)) != 0)
		return r;
	*out = t;
	t = NULL;
	return 0;
}

void
out_table_free(struct out_table *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->count * t->columns; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t);
}

static int
make_room(struct out_table *t)
{
	size_t capacity = t->capacity == 0 ? 32 : 2 * t->capacity;
	char **cells;

	if (t->count < t->capacity)
		return 0;
	cells = reallocarray(t->cells, capacity, t->columns * sizeof(*cells));
	if (cells == NULL)
		return ERR_NOMEM;
	t->cells = cells;
	t->capacity = capacity;
	return 0;
}

int
out_table_add(struct out_table *t, const char *const *cells)
{
	char **row;
	bool whole = true;

	if (make_room(t) != 0)
		return ERR_NOMEM;
	row = t->cells + t->count++ * t->columns;
	for (size_t i = 0; i < t->columns; i++) {
		row[i] = out_clean(cells[i] != NULL ? cells[i] : "");
		whole = whole && row[i] != NULL;
	}
	if (!whole)
		return ERR_NOMEM;

	for (size_t i = 0; i < t->columns; i++)
		if (width_of(row[i]) > t->width[i])
			t->width[i] = width_of(row[i]);
	return 0;
}

static bool
may_decorate(void)
{
	const char *no = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && (no == NULL || no[0] == '\0') &&
	    term != NULL && strcmp(term, "dumb") != 0;
}

static void
print_row(const struct out_table *t, char *const *row, bool bold)
{
	size_t pending = 0; /* spaces that a later cell makes necessary */

	if (bold)
		fputs("\033[1m", stdout);
	for (size_t i = 0; i < t->columns; i++) {
		size_t width = width_of(row[i]);
		size_t room = t->width[i] - width;
		size_t before = pending + (t->right[i] ? room : 0);

		if (width > 0) {
			printf("%*s%s", (int)before, "", row[i]);
			pending = 0;
		} else {
			pending = before;
		}
		pending += GAP + (t->right[i] ? 0 : room);
	}
	puts(bold ? "\033[0m" : "");
}

void
out_table_print(const struct out_table *t)
{
	bool bold = may_decorate();

	if (t->count < 2)
		return;
	for (size_t i = 0; i < t->count; i++)
		print_row(t, t->cells + i * t->columns, bold && i == 0);
}

int
out_flush(void)
{
	int r = 0;

	if (fflush(stdout) != 0)
		r = log_sys("writing to standard output");
	else if (ferror(stdout))
		r = log_err(ERR_IO, "standard output could not be written");
	clearerr(stdout);
	return r;
}
