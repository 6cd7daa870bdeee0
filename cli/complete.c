/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/complete.h"

#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/out.h"
#include "keys/role.h"
#include "vault/entry.h"
#include "vault/err.h"

#define ROWS_MAX 40

/* Where a command line is when its last word begins. */
struct line {
	struct complete *c;
	struct options_own rows[ROWS_MAX];
	size_t rows_count;
	const struct options_own *waits; /* for its value */
	size_t operands;
	bool divided; /* behind "--" */
};

const char *
complete_shared(void)
{
	return "\n"
	       "  -V, --vault DIR         the vault\n"
	       "  --passphrase-file FILE  its passphrase, instead of asking\n"
	       "  --key-file FILE         its key file\n"
	       "  --allow-swap            though swap is not encrypted\n"
	       "  --json                  for programs\n"
	       "  -q, --quiet             only what was asked for\n"
	       "  -h, --help              how it is used\n"
	       "  --version               which weir this is\n";
}

int
complete_add(struct complete *c, const char *word, const char *about)
{
	OWNED_MEM(char) whole = NULL;

	if (strncmp(word, c->typed, strlen(c->typed)) != 0)
		return 0;
	if (asprintf(&whole, "%s%s", c->lead, word) < 0) {
		whole = NULL;
		return ERR_NOMEM;
	}
	return json_array_append_new(c->words,
		   json_pack("{s:o, s:s}", "word", out_text(whole), "about",
		       about)) == 0 ?
	    0 :
	    ERR_NOMEM;
}

static void
keep_row(void *to, const struct options_own *row)
{
	struct line *l = to;

	if (l->rows_count < ROWS_MAX)
		l->rows[l->rows_count++] = *row;
}

/* The options of a command; c NULL: what may stand before one. */
static void
learn(struct line *l, struct options *o, const struct commands_row *c)
{
	char name[] = "weir";
	char *argv[] = { name, NULL };
	int next, r;

	l->rows_count = 0;
	o->tell = keep_row;
	o->tell_to = l;
	r = c != NULL ? c->run(o, 1, argv) : options_globals(o, 1, argv, &next);
	(void)r;
	o->tell = NULL;
}

static const struct options_own *
row_of(const struct line *l, const char *name, size_t n)
{
	for (size_t i = 0; i < l->rows_count; i++)
		if (strlen(l->rows[i].name) == n &&
		    memcmp(l->rows[i].name, name, n) == 0)
			return &l->rows[i];
	return NULL;
}

static const struct options_own *
row_of_letter(const struct line *l, char letter)
{
	for (size_t i = 0; i < l->rows_count; i++)
		if (l->rows[i].letter != 0 && l->rows[i].letter == letter)
			return &l->rows[i];
	return NULL;
}

static void
take_option(struct line *l, const char *word)
{
	const char *equal = strchr(word, '=');
	const struct options_own *row = NULL;

	if (word[1] == '-' && equal == NULL)
		row = row_of(l, word + 2, strlen(word + 2));
	else if (word[1] != '-' && word[2] == '\0')
		row = row_of_letter(l, word[1]);
	if (row != NULL && row->kind != OPTIONS_FLAG)
		l->waits = row;
	if (strncmp(word, "--vault=", 8) == 0)
		l->c->vault = word + 8;
}

/* A whole word; whether it is an operand. */
static bool
take(struct line *l, const char *word)
{
	if (l->waits != NULL) {
		if (strcmp(l->waits->name, "vault") == 0)
			l->c->vault = word;
		l->waits = NULL;
	} else if (l->divided || word[0] != '-' || word[1] == '\0') {
		l->operands++;
		return true;
	} else if (strcmp(word, "--") == 0)
		l->divided = true;
	else
		take_option(l, word);
	return false;
}

static int
add_place(struct complete *c, const struct usage_place *p)
{
	int r = 0;

	c->what |= p->what;
	for (size_t i = 0; i < p->count && r == 0; i++)
		r = complete_add(c, p->words[i], "");
	for (unsigned int role = ROLE_OWNER;
	     (p->what & USAGE_ROLES) != 0 && role <= ROLE_MOUNTER && r == 0;
	     role <<= 1)
		r = complete_add(c, role_name((enum role)role), "");
	for (int k = 0;
	     (p->what & USAGE_KINDS) != 0 && k < ENTRY_KINDS && r == 0; k++)
		r = complete_add(c, entry_kind_name((enum entry_kind)k), "");
	return r;
}

static int
add_value(struct complete *c, const struct commands_row *row, const char *name)
{
	struct usage_place p;

	if ((row == NULL || !usage_value(row->usage, name, &p)) &&
	    !usage_value(complete_shared(), name, &p))
		return 0;
	if (strcmp(name, "user") == 0)
		p.what |= USAGE_ACCOUNTS;
	return add_place(c, &p);
}

static int
add_option(struct complete *c, const struct commands_row *row,
    const char *option)
{
	char name[64], about[USAGE_ABOUT] = "";

	snprintf(name, sizeof(name), "--%s", option);
	if (row != NULL)
		usage_about(row->usage, option, about);
	if (about[0] == '\0')
		usage_about(complete_shared(), option, about);
	return complete_add(c, name, about);
}

/* A command's own come first. */
static int
add_options(struct line *l, const struct commands_row *row)
{
	int r = 0;

	for (int shared = 0; shared <= 1; shared++)
		for (size_t i = 0; i < l->rows_count && r == 0; i++)
			if (usage_has(complete_shared(), l->rows[i].name) ==
			    (shared == 1))
				r = add_option(l->c, row, l->rows[i].name);
	return r;
}

/* Whether an earlier row begins with the same word. */
static bool
is_repeated(size_t row, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i < row; i++)
		if (strncmp(commands_row(i)->name, word, n) == 0 &&
		    strchr(" ", commands_row(i)->name[n]) != NULL)
			return true;
	return false;
}

/* The commands of one word, or the second words of those whose first it is. */
static int
add_commands(struct complete *c, const char *first)
{
	const struct commands_row *row;
	int r = 0;

	for (size_t i = 0; (row = commands_row(i)) != NULL && r == 0; i++) {
		size_t n = strcspn(row->name, " ");
		bool half = row->name[n] == ' ';
		const char *line = half ? "" : row->line;
		char word[32];
		char *argv[] = { word };
		int used;

		snprintf(word, sizeof(word), "%.*s", (int)n, row->name);
		if (first != NULL && half && strcmp(first, word) == 0)
			r = complete_add(c, row->name + n + 1, row->line);
		if (first != NULL || is_repeated(i, word))
			continue;
		/* Some are a command alone, too. */
		row = commands_find(1, argv, &used);
		r = complete_add(c, word, row != NULL ? row->line : line);
	}
	return r;
}

/* "--out=par": the value of one option, whole or not. */
static int
add_assigned(struct line *l, const struct commands_row *row)
{
	struct complete *c = l->c;
	const char *equal = strchr(c->typed, '=');
	size_t n = (size_t)(equal - c->typed) + 1;
	const struct options_own *option = row_of(l, c->typed + 2, n - 3);

	if (option == NULL || n >= sizeof(c->lead))
		return 0;
	snprintf(c->lead, sizeof(c->lead), "%.*s", (int)n, c->typed);
	c->typed = equal + 1;
	return add_value(c, row, option->name);
}

static int
add_last(struct line *l, const struct commands_row *row)
{
	struct complete *c = l->c;
	struct usage_place p;

	if (l->waits != NULL)
		return add_value(c, row, l->waits->name);
	if (l->divided) {
		if (row != NULL && row->run == cmd_mount)
			c->what |= USAGE_PROGRAMS | USAGE_FILES;
		return 0;
	}
	if (c->typed[0] == '-')
		return strncmp(c->typed, "--", 2) == 0 &&
			strchr(c->typed, '=') != NULL ?
		    add_assigned(l, row) :
		    add_options(l, row);
	if (row == NULL)
		return 0;
	if (row->most > l->operands &&
	    usage_operand(row->usage, l->operands, &p)) {
		if (row->run != cmd_mount && (p.what & USAGE_MOUNTS) != 0)
			p.what &= ~(unsigned int)USAGE_DIRECTORIES;
		else
			p.what &= ~(unsigned int)USAGE_MOUNTS;
		return add_place(c, &p);
	}
	return 0;
}

/* Behind the first word of a command, at[0]. */
static int
add_behind(struct line *l, struct options *o, int argc, char *const *at)
{
	const struct commands_row *row;
	int words = 1, r = 0;

	row = commands_find(argc - 1, (char **)(uintptr_t)at, &words);
	if (argc == 2 && l->c->typed[0] != '-' &&
	    (r = add_commands(l->c, at[0])) != 0)
		return r;
	if (row == NULL)
		return 0;
	learn(l, o, row);
	l->operands = 0;
	l->divided = false;
	for (int i = words; i < argc - 1; i++)
		(void)take(l, at[i]);
	if (row->run == cmd_help && l->operands <= 1)
		return add_commands(l->c, l->operands == 1 ? at[1] : NULL);
	return add_last(l, row);
}

int
complete_line(struct complete *c, struct options *o, int argc,
    char *const *argv)
{
	struct line l = { .c = c };

	*c = (struct complete){ .words = json_array() };
	if (c->words == NULL)
		return ERR_NOMEM;
	c->typed = argc > 0 ? argv[argc - 1] : "";

	learn(&l, o, NULL);
	for (int i = 0; i < argc - 1; i++)
		if (take(&l, argv[i]))
			return add_behind(&l, o, argc - i, argv + i);
	if (l.waits != NULL || l.divided || c->typed[0] == '-')
		return add_last(&l, NULL);
	return add_commands(c, NULL);
}

void
complete_clear(struct complete *c)
{
	json_decref(c->words);
	c->words = NULL;
}
