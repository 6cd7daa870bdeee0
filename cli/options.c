/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vault/clock.h"
#include "vault/entry.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/ref.h"

#define TABLE_MAX 24 /* options of one command, the shared ones included */
#define NAME_SIZE 256
#define FIRST_VALUE 256 /* getopt's values of long options, above letters */

/* The two tables of a call as one, and what getopt_long wants of it. */
struct table {
	struct options_own rows[TABLE_MAX];
	size_t count;
	struct option longs[TABLE_MAX + 1];
	char letters[2 * TABLE_MAX + 3];
};

void
options_init(struct options *o, const volatile bool *stop)
{
	*o = (struct options){
		.vault = getenv("WEIR_VAULT"),
		.most = SIZE_MAX,
		.stop = stop,
	};
	if (o->vault != NULL && o->vault[0] == '\0')
		o->vault = NULL;
	o->unlock.no_prompt = !isatty(STDERR_FILENO);
}

static void
table_add(struct table *t, const struct options_own *row)
{
	struct option *l = &t->longs[t->count];
	size_t n = strlen(t->letters);

	l->name = row->name;
	l->has_arg = row->kind == OPTIONS_FLAG ? no_argument :
						 required_argument;
	l->val = FIRST_VALUE + (int)t->count;

	if (row->letter != 0) {
		t->letters[n++] = row->letter;
		if (row->kind != OPTIONS_FLAG)
			t->letters[n++] = ':';
		t->letters[n] = '\0';
	}
	t->rows[t->count++] = *row;
}

/* start is "+:" to stop at the first operand, ":" to go on behind it. */
static void
table_make(struct table *t, struct options *o, const struct options_own *own,
    const char *start)
{
	const struct options_own shared[] = {
		{ "vault", 'V', OPTIONS_TEXT, &o->vault },
		{ "passphrase-file", 0, OPTIONS_TEXT,
		    &o->unlock.passphrase_file },
		{ "key-file", 0, OPTIONS_TEXT, &o->unlock.key_file },
		{ "allow-swap", 0, OPTIONS_FLAG, &o->allow_swap },
		{ "json", 0, OPTIONS_FLAG, &o->json },
		{ "quiet", 'q', OPTIONS_FLAG, &o->quiet },
		{ "help", 'h', OPTIONS_FLAG, &o->help },
	};

	memset(t, 0, sizeof(*t));
	snprintf(t->letters, sizeof(t->letters), "%s", start);
	for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
		table_add(t, &shared[i]);
	for (; own != NULL && own->name != NULL; own++)
		table_add(t, own);
}

static const struct options_own *
table_find(const struct table *t, int value)
{
	if (value >= FIRST_VALUE)
		return &t->rows[value - FIRST_VALUE];
	for (size_t i = 0; i < t->count; i++)
		if (t->rows[i].letter == value)
			return &t->rows[i];
	return NULL;
}

static int
take(const struct options *o, const struct options_own *row, const char *value)
{
	struct options_list *list;

	switch (row->kind) {
	case OPTIONS_FLAG:
		*(bool *)row->to = true;
		return 0;
	case OPTIONS_TEXT:
		*(const char **)row->to = value;
		return 0;
	case OPTIONS_LIST:
		list = row->to;
		if (list->count == OPTIONS_LIST_MAX)
			return options_wrong(o, "more than %d times --%s",
			    OPTIONS_LIST_MAX, row->name);
		list->items[list->count++] = value;
		return 0;
	}
	return ERR_USAGE;
}

/* Options of argv up to its first operand ("+") or all of them. */
static int
walk(struct options *o, const struct table *t, int argc, char **argv)
{
	char name[NAME_SIZE];
	int value, r;

	optind = 0; /* GNU: begin anew */
	opterr = 0;
	for (;;) {
		value = getopt_long(argc, argv, t->letters, t->longs, NULL);
		if (value == -1)
			return 0;
		if (value == '?' || value == ':') {
			const char *said = argv[optind - 1];

			log_name(name, sizeof(name), said, strlen(said));
			if (value == ':')
				return options_wrong(o, "%s needs a value",
				    name);
			return options_wrong(o, "unknown option %s", name);
		}
		if ((r = take(o, table_find(t, value), optarg)) != 0)
			return r;
	}
}

/* Whether somebody wants to be told of the options instead. */
static bool
told(const struct options *o, const struct table *t)
{
	for (size_t i = 0; o->tell != NULL && i < t->count; i++) {
		struct options_own row = t->rows[i];

		row.to = NULL;
		o->tell(o->tell_to, &row);
	}
	return o->tell != NULL;
}

int
options_globals(struct options *o, int argc, char **argv, int *next)
{
	const struct options_own own[] = {
		{ "version", 0, OPTIONS_FLAG, &o->version },
		OPTIONS_END,
	};
	struct table t;
	int r;

	table_make(&t, o, own, "+:");
	if (told(o, &t))
		return ERR_USAGE;
	if ((r = walk(o, &t, argc, argv)) != 0)
		return r;
	*next = optind;
	return 0;
}

/* Where "--" stands, or argc. */
static int
divide(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--") == 0)
			return i;
	return argc;
}

/*
 * The name of operand n in a usage line ("REF... MOUNTPOINT [-f] ..."): words
 * that are no option and in no brackets.  "" if it has none.
 */
static void
operand_name(const char *usage, size_t n, char out[static NAME_SIZE])
{
	const char *at = usage != NULL ? usage : "";
	int depth = 0;

	out[0] = '\0';
	while (*at != '\0' && *at != '\n') {
		size_t length = strcspn(at, " \n");
		bool plain = depth == 0 && *at != '[';

		for (size_t i = 0; i < length; i++)
			depth += (at[i] == '[') - (at[i] == ']');
		if (plain && *at == '-')
			return; /* behind options there are only their values */
		if (plain && length > 0 && n-- == 0) {
			length = strcspn(at, ". \n");
			snprintf(out, NAME_SIZE, "%.*s", (int)length, at);
			return;
		}
		at += length + (at[length] == ' ');
	}
}

static int
missing(const struct options *o, size_t count)
{
	char name[NAME_SIZE];

	operand_name(o->usage, count, name);
	if (name[0] == '\0')
		return options_wrong(o, "an argument is missing");
	return options_wrong(o, "%s is missing", name);
}

int
options_parse(struct options *o, const struct options_own *own, int argc,
    char **argv, struct options_operands *out)
{
	int end = divide(argc, argv);
	struct table t;
	int r;

	table_make(&t, o, own, ":");
	if (told(o, &t))
		return ERR_USAGE;
	if ((r = walk(o, &t, end, argv)) != 0)
		return r;

	/* getopt_long has moved the operands to the end of its part: without
	 * the "--" they and the rest are one list. */
	out->items = argv + optind;
	out->before = (size_t)(end - optind);
	out->count = out->before;
	out->divided = end < argc;
	if (end < argc) {
		memmove(argv + end, argv + end + 1,
		    (size_t)(argc - end) * sizeof(*argv));
		out->count += (size_t)(argc - end - 1);
	}

	if (out->count < o->least)
		return missing(o, out->count);
	if (out->count > o->most) {
		char name[NAME_SIZE];
		const char *said = out->items[o->most];

		return options_wrong(o, "'%s' is one argument too many",
		    log_name(name, sizeof(name), said, strlen(said)));
	}
	return 0;
}

int
options_vault(const struct options *o, const char **out)
{
	if (o->vault == NULL)
		return options_wrong(o,
		    "which vault? Give -V DIR, or set "
		    "WEIR_VAULT");
	*out = o->vault;
	return 0;
}

int
options_wrong(const struct options *o, const char *fmt, ...)
{
	char text[1024];
	const char *program = o->program != NULL ? o->program : "weir";
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	/* "weir put" is helped by "weir help put". */
	return log_err(ERR_USAGE, "%s%s%s; see 'weir help%s'",
	    o->program != NULL ? program + strlen("weir ") : "",
	    o->program != NULL ? ": " : "", text, program + strlen("weir"));
}

int
options_number(const struct options *o, const char *name, const char *text,
    uint64_t max, uint64_t *out)
{
	unsigned long long v;
	char *end;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 ||
	    v > max)
		return options_wrong(o, "%s must be a whole number, 0 to %llu",
		    name, (unsigned long long)max);
	*out = v;
	return 0;
}

static int64_t
unit_ms(const char *unit)
{
	static const struct {
		const char *name;
		int64_t seconds;
	} units[] = { { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 },
		{ "w", 604800 } };

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(unit, units[i].name) == 0)
			return units[i].seconds * 1000;
	return 0;
}

int
options_time(const struct options *o, const char *name, const char *text,
    int direction, int64_t *out)
{
	unsigned long n;
	int64_t unit;
	char *end;

	errno = 0;
	n = strtoul(text, &end, 10);
	unit = unit_ms(end);
	if (end != text && text[0] >= '0' && text[0] <= '9' && unit != 0 &&
	    errno == 0 && n <= 1000000) {
		*out = clock_wall_ms() + direction * (int64_t)n * unit;
		return 0;
	}
	if (entry_time_parse(out, text) != 0)
		return options_wrong(o,
		    "%s must be a date (2026-12-31), a time "
		    "(2026-12-31T18:00:00Z) or a distance from now "
		    "(12h, 30d)",
		    name);
	return 0;
}

int
options_span(const struct options *o, const char *name, const char *text,
    uint64_t *out)
{
	unsigned long n;
	int64_t unit;
	char *end;

	errno = 0;
	n = strtoul(text, &end, 10);
	unit = unit_ms(end);
	if (end == text || text[0] < '0' || text[0] > '9' || errno != 0 ||
	    n > 1000000 || (unit == 0 && strcmp(text, "0") != 0))
		return options_wrong(o,
		    "%s must be a span of time: 90s, 30m, 12h, 7d, 2w, or 0",
		    name);
	*out = (uint64_t)unit * n;
	return 0;
}

int
options_principal(const struct options *o, const char *text)
{
	char full[REF_PRINCIPAL_MAX + 8];
	char name[NAME_SIZE];

	if (ref_principal_ok(text))
		return 0;
	log_name(name, sizeof(name), text, strlen(text));
	if (strlen(text) < REF_PRINCIPAL_MAX) {
		snprintf(full, sizeof(full), "user:%s", text);
		if (ref_principal_ok(full))
			return options_wrong(o,
			    "'%s' is no principal; did you mean '%s'?", name,
			    full);
	}
	return options_wrong(o,
	    "'%s' is no principal: it must be user:NAME, the name of an "
	    "account",
	    name);
}
