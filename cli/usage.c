/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/usage.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define REFERENCE (USAGE_MODELS | USAGE_VERSIONS | USAGE_CHANNELS)

/* What the names in usage texts mean; 0: only who types it knows. */
static const struct {
	const char *name;
	unsigned int what;
} names[] = {
	{ "CHANNEL", 0 },
	{ "COMMAND", USAGE_COMMANDS },
	{ "DAYS", 0 },
	{ "DEST", USAGE_DIRECTORIES },
	{ "DIGITS", 0 },
	{ "DIR", USAGE_DIRECTORIES },
	{ "ENTRY", 0 },
	{ "FILE", USAGE_FILES },
	{ "G7", 0 },
	{ "HH:MM-HH:MM", 0 },
	{ "ID", 0 },
	{ "INDEX", 0 },
	{ "KEY", USAGE_KEYS | USAGE_FILES },
	{ "KEY=VALUE", 0 },
	{ "KIND", USAGE_KINDS },
	{ "LABEL", 0 },
	{ "MODEL", USAGE_MODELS },
	{ "MODEL:CHANNEL", USAGE_CHANNELS },
	{ "MODEL@DIGEST", USAGE_VERSIONS },
	{ "MODEL@DIGITS", USAGE_VERSIONS },
	{ "MOUNTPOINT", USAGE_MOUNTS | USAGE_DIRECTORIES },
	{ "N", 0 },
	{ "NAME", 0 },
	{ "P7", 0 },
	{ "PATH", USAGE_FILES },
	{ "PATTERN", 0 },
	{ "POLICY", USAGE_FILES },
	{ "PRINCIPAL", USAGE_PRINCIPALS },
	{ "REF", REFERENCE },
	{ "ROLE", USAGE_ROLES },
	{ "RULES", USAGE_FILES },
	{ "SECONDS", 0 },
	{ "SERIAL", 0 },
	{ "SHA256", 0 },
	{ "SPAN", 0 },
	{ "SRC", USAGE_DIRECTORIES },
	{ "T3", 0 },
	{ "TEXT", 0 },
	{ "TIME", 0 },
	{ "VAULT", USAGE_DIRECTORIES },
	{ "VKEY", 0 },
	{ "ZONE", 0 },
};

/* One of "A|b|--c": a name, a word to type, or an option that may stand there
 * instead. */
static bool
add_choice(struct usage_place *p, const char *text, size_t n)
{
	if (n == 0 || text[0] == '-')
		return true;
	if (islower((unsigned char)text[0])) {
		if (n >= USAGE_WORD || p->count == USAGE_WORDS)
			return false;
		snprintf(p->words[p->count++], USAGE_WORD, "%.*s", (int)n,
		    text);
		return true;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i].name) == n &&
		    memcmp(names[i].name, text, n) == 0) {
			p->what |= names[i].what;
			return true;
		}
	return false;
}

/* What stands at a place, up to the next blank: "N[/day]|--browse". */
static bool
place_of(struct usage_place *p, const char *text)
{
	size_t left = strcspn(text, " \n");
	bool known = left > 0;

	while (left > 0) {
		size_t n = 0, skip;

		while (n < left && strchr("[]|.,", text[n]) == NULL)
			n++;
		known = add_choice(p, text, n) && known;
		/* "[/day]" and "]..." are only for people. */
		for (skip = n; skip < left && text[skip] != '|'; skip++)
			continue;
		skip += skip < left;
		text += skip;
		left -= skip;
	}
	return known;
}

/* The next place behind `from` where --name stands, behind the name; NULL. */
static const char *
next_of(const char *from, const char *name)
{
	size_t n = strlen(name);
	const char *at;

	for (at = from; (at = strstr(at, "--")) != NULL; at += 2)
		if (strncmp(at + 2, name, n) == 0 &&
		    !isalnum((unsigned char)at[2 + n]) && at[2 + n] != '-')
			return at + 2 + n;
	return NULL;
}

bool
usage_has(const char *usage, const char *name)
{
	return next_of(usage, name) != NULL;
}

bool
usage_value(const char *usage, const char *name, struct usage_place *out)
{
	for (const char *at = usage; (at = next_of(at, name)) != NULL;) {
		*out = (struct usage_place){ 0 };
		if (at[0] == ' ' && at[1] != ' ' && place_of(out, at + 1))
			return true;
	}
	return false;
}

/* Walk a summary: *at is behind the word that is handed out. */
static const char *
next_word(const char **at, size_t *n)
{
	const char *word;

	if (**at == '\n')
		*at += strncmp(*at + 1, "           ", 11) == 0 ? 12 : 0;
	*at += strspn(*at, " ");
	if (**at == '\n' || **at == '\0')
		return NULL;
	word = *at;
	*n = strcspn(word, " \n");
	*at = word + *n;
	return word;
}

/* The value of an option in a summary: "[--ref-out FILE]", not "[--yes]" or
 * "--key KEY [--yes]". */
static bool
value_follows(const char *option, size_t n, const char *rest)
{
	return option[n - 1] != ']' && rest[0] == ' ' &&
	    strchr("[|-", rest[1]) == NULL;
}

bool
usage_operand(const char *usage, size_t n, struct usage_place *out)
{
	const char *at = usage, *word;
	bool repeated = false, known = false;
	size_t length;

	*out = (struct usage_place){ 0 };
	while ((word = next_word(&at, &length)) != NULL) {
		size_t lead = strspn(word, "[");
		const char *dots = strstr(word, "...");

		if (strncmp(word + lead, "-- ", 3) == 0)
			break;
		if (word[lead] == '|')
			continue;
		if (word[lead] == '-') {
			if (value_follows(word, length, at))
				(void)next_word(&at, &length);
			continue;
		}
		if (n > 0 && !repeated) {
			repeated = dots != NULL && dots < word + length;
			n -= !repeated;
			if (!repeated)
				continue;
		}
		known = place_of(out, word + lead) || known;
		if (!repeated)
			return known;
	}
	return known;
}

void
usage_about(const char *usage, const char *name, char out[static USAGE_ABOUT])
{
	const char *end, *text, *at = usage;

	out[0] = '\0';
	while ((at = next_of(at, name)) != NULL) {
		const char *line = at;

		while (line > usage && line[-1] != '\n')
			line--;
		if (strncmp(line, "  -", 3) != 0)
			continue;
		end = strchrnul(at, '\n');
		text = strstr(at, "  ");
		if (text == NULL || text > end)
			text = *end == '\n' && strncmp(end + 1, "   ", 3) == 0 ?
			    end + 1 :
			    end;
		text += strspn(text, " ");
		snprintf(out, USAGE_ABOUT, "%.*s",
		    (int)(strchrnul(text, '\n') - text), text);
		return;
	}
}
