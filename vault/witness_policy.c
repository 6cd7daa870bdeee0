/* SPDX-License-Identifier: Apache-2.0 */
/* A policy, who must have cosigned, is read, and a note judged by it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/witness.h"

#define WORDS_MAX (WITNESS_NODES_MAX + 4)
#define NO_NODE WITNESS_NODES_MAX

/* A witness, or a group of those that stand before it. */
struct node {
	char name[WITNESS_NAME_MAX + 1];
	char url[WITNESS_URL_MAX + 1];
	struct note_key key;
	bool is_group;
	bool member; /* of a group, already */
	size_t need, count;
	size_t members[WITNESS_NODES_MAX];
};

struct witness_policy {
	struct note_key logs[WITNESS_LOGS_MAX];
	size_t log_count;
	struct node *nodes;
	size_t node_count;
	size_t witnesses[WITNESS_NODES_MAX]; /* those that are no groups */
	size_t witness_count;
	bool has_quorum;
	size_t quorum; /* NO_NODE: none */
};

struct word {
	const char *at;
	size_t length;
};

/* One line, and where to say what is wrong with it. */
struct line {
	struct witness_policy *p;
	struct word words[WORDS_MAX];
	size_t count;
	unsigned int number;
	char *why;
};

void
witness_policy_free(struct witness_policy *p)
{
	if (p == NULL)
		return;
	free(p->nodes);
	free(p);
}

static int PRINTF_LIKE(2, 3) wrong(struct line *l, const char *fmt, ...)
{
	char text[WITNESS_WHY - 32];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	snprintf(l->why, WITNESS_WHY, "line %u: %s", l->number, text);
	return ERR_FORMAT;
}

static bool
word_is(const struct word *w, const char *text)
{
	return w->length == strlen(text) && memcmp(w->at, text, w->length) == 0;
}

static int
copy_word(struct line *l, const struct word *w, char *out, size_t size)
{
	if (w->length >= size)
		return wrong(l, "a word of more than %zu bytes", size - 1);
	memcpy(out, w->at, w->length);
	out[w->length] = '\0';
	return 0;
}

static size_t
find_node(const struct witness_policy *p, const struct word *name)
{
	size_t i = 0;

	while (i < p->node_count && !word_is(name, p->nodes[i].name))
		i++;
	return i < p->node_count ? i : NO_NODE;
}

static int
parse_key(struct line *l, const struct word *w, struct note_key *out,
    int (*parse)(struct note_key *k, const char *vkey))
{
	char vkey[NOTE_NAME_MAX + 64];

	if (w->length >= sizeof(vkey))
		return wrong(l, "a verifier key that is too long");
	memcpy(vkey, w->at, w->length);
	vkey[w->length] = '\0';
	if (parse(out, vkey) != 0)
		return wrong(l,
		    "not a verifier key of its kind: a log's is of type 1, "
		    "a witness's of type 4");
	return 0;
}

static bool
same_key(const struct note_key *a, const struct note_key *b)
{
	return memcmp(a->public_key, b->public_key, sizeof(a->public_key)) == 0;
}

static int
take_log(struct line *l)
{
	struct witness_policy *p = l->p;
	struct note_key k;
	int err;

	if (l->count < 2 || l->count > 3)
		return wrong(l, "log VKEY [URL]");
	err = parse_key(l, &l->words[1], &k, note_key_parse);
	if (err != 0)
		return err;
	for (size_t i = 0; i < p->log_count; i++)
		if (same_key(&k, &p->logs[i]))
			return wrong(l, "a log that is there already");
	if (p->log_count == WITNESS_LOGS_MAX)
		return wrong(l, "more than %d logs", WITNESS_LOGS_MAX);
	p->logs[p->log_count++] = k;
	return 0;
}

/* A new node with the name of the second word, not counted yet. */
static int
new_node(struct line *l, struct node **out)
{
	struct witness_policy *p = l->p;
	struct node *n;
	int err;

	if (p->node_count == WITNESS_NODES_MAX)
		return wrong(l, "more than %d witnesses and groups",
		    WITNESS_NODES_MAX);
	if (word_is(&l->words[1], "none"))
		return wrong(l, "nothing can be called 'none'");
	if (find_node(p, &l->words[1]) != NO_NODE)
		return wrong(l, "a name that is there already");
	n = &p->nodes[p->node_count];
	*n = (struct node){ 0 };
	err = copy_word(l, &l->words[1], n->name, sizeof(n->name));
	*out = n;
	return err;
}

static int
take_witness(struct line *l)
{
	struct witness_policy *p = l->p;
	struct node *n;
	int err;

	if (l->count < 3 || l->count > 4)
		return wrong(l, "witness NAME VKEY [URL]");
	err = new_node(l, &n);
	if (err == 0)
		err = parse_key(l, &l->words[2], &n->key,
		    note_key_parse_witness);
	if (err == 0 && l->count == 4)
		err = copy_word(l, &l->words[3], n->url, sizeof(n->url));
	if (err != 0)
		return err;
	for (size_t i = 0; i < p->witness_count; i++)
		if (same_key(&n->key, &p->nodes[p->witnesses[i]].key))
			return wrong(l, "a witness that is there already");
	p->witnesses[p->witness_count++] = p->node_count++;
	return 0;
}

/* "all", "any", or a number from 1 to n. */
static int
parse_need(struct line *l, const struct word *w, size_t n, size_t *out)
{
	size_t v = 0;

	if (word_is(w, "all") || word_is(w, "any")) {
		*out = word_is(w, "all") ? n : 1;
		return 0;
	}
	for (size_t i = 0; i < w->length && v <= n; i++) {
		if (w->at[i] < '0' || w->at[i] > '9' ||
		    (w->at[0] == '0' && w->length > 1))
			return wrong(l, "group NAME all|any|K MEMBER...");
		v = v * 10 + (size_t)(w->at[i] - '0');
	}
	if (v < 1 || v > n)
		return wrong(l, "a threshold that is not from 1 to %zu", n);
	*out = v;
	return 0;
}

static int
take_group(struct line *l)
{
	struct witness_policy *p = l->p;
	struct node *n;
	int err;

	if (l->count < 4)
		return wrong(l, "group NAME all|any|K MEMBER...");
	err = new_node(l, &n);
	if (err == 0)
		err = parse_need(l, &l->words[2], l->count - 3, &n->need);
	if (err != 0)
		return err;
	n->is_group = true;
	for (size_t i = 3; i < l->count; i++) {
		size_t member = find_node(p, &l->words[i]);

		if (member == NO_NODE)
			return wrong(l, "member %zu is not defined above",
			    i - 2);
		if (p->nodes[member].member)
			return wrong(l, "member %zu is in a group already",
			    i - 2);
		p->nodes[member].member = true;
		n->members[n->count++] = member;
	}
	p->node_count++;
	return 0;
}

static int
take_quorum(struct line *l)
{
	struct witness_policy *p = l->p;

	if (l->count != 2)
		return wrong(l, "quorum NAME|none");
	if (p->has_quorum)
		return wrong(l, "a second quorum");
	p->has_quorum = true;
	p->quorum = find_node(p, &l->words[1]);
	if (p->quorum == NO_NODE && !word_is(&l->words[1], "none"))
		return wrong(l, "a quorum that is not defined above");
	return 0;
}

/* Cut a line into words. */
static int
split(struct line *l, const char *text, size_t length)
{
	size_t i = 0;

	l->count = 0;
	for (size_t at = 0; at < length; at++) {
		unsigned char c = (unsigned char)text[at];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return wrong(l, "a control character");
	}
	while (i < length) {
		size_t end;

		if (text[i] == ' ' || text[i] == '\t') {
			i++;
			continue;
		}
		if (text[i] == '#' && l->count == 0)
			return 0;
		for (end = i;
		     end < length && text[end] != ' ' && text[end] != '\t';)
			end++;
		if (l->count == WORDS_MAX)
			return wrong(l, "too many words");
		l->words[l->count++] = (struct word){ text + i, end - i };
		i = end;
	}
	return 0;
}

static int
take_line(struct line *l, const char *text, size_t length)
{
	static const struct {
		const char *word;
		int (*take)(struct line *l);
	} kinds[] = {
		{ "log", take_log },
		{ "witness", take_witness },
		{ "group", take_group },
		{ "quorum", take_quorum },
	};
	int err = split(l, text, length);

	if (err != 0 || l->count == 0)
		return err;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (word_is(&l->words[0], kinds[i].word))
			return kinds[i].take(l);
	return wrong(l, "neither log, witness, group nor quorum");
}

int
witness_policy_parse(struct witness_policy **out, const char *text,
    size_t length, char why[static WITNESS_WHY])
{
	OWNED(witness_policy) p = calloc(1, sizeof(*p));
	OWNED_MEM(struct line) l = calloc(1, sizeof(*l));
	int err = 0;

	snprintf(why, WITNESS_WHY, "out of memory");
	if (p == NULL || l == NULL)
		return ERR_NOMEM;
	p->nodes = calloc(WITNESS_NODES_MAX, sizeof(*p->nodes));
	if (p->nodes == NULL)
		return ERR_NOMEM;
	l->p = p;
	l->why = why;
	if (length > WITNESS_POLICY_MAX)
		return wrong(l, "more than %u bytes", WITNESS_POLICY_MAX);
	while (length > 0 && err == 0) {
		const char *end = memchr(text, '\n', length);
		size_t n = end != NULL ? (size_t)(end - text) : length;

		l->number++;
		if (end == NULL)
			return wrong(l, "does not end with a line end");
		err = take_line(l, text, n);
		text += n + 1;
		length -= n + 1;
	}
	if (err == 0 && !p->has_quorum)
		err = wrong(l, "after the last line: no quorum");
	if (err != 0)
		return err;
	why[0] = '\0';
	*out = p;
	p = NULL;
	return 0;
}

size_t
witness_policy_logs(const struct witness_policy *p)
{
	return p->log_count;
}

const struct note_key *
witness_policy_log(const struct witness_policy *p, size_t i)
{
	return &p->logs[i];
}

size_t
witness_policy_count(const struct witness_policy *p)
{
	return p->witness_count;
}

struct witness
witness_policy_at(const struct witness_policy *p, size_t i)
{
	const struct node *n = &p->nodes[p->witnesses[i]];

	return (struct witness){ n->name, n->url[0] != '\0' ? n->url : NULL,
		&n->key };
}

/* Whether those that cosigned at `until` or before meet the quorum.  Groups
 * stand behind their members, so one pass decides. */
static bool
met_by(const struct witness_policy *p, const struct witness_verdict *v,
    uint64_t until)
{
	bool yes[WITNESS_NODES_MAX] = { false };

	if (p->quorum == NO_NODE)
		return true;
	for (size_t i = 0; i < p->witness_count; i++)
		yes[p->witnesses[i]] = v->time[i] != 0 && v->time[i] <= until;
	for (size_t i = 0; i < p->node_count; i++) {
		const struct node *n = &p->nodes[i];
		size_t have = 0;

		if (!n->is_group)
			continue;
		for (size_t m = 0; m < n->count; m++)
			have += yes[n->members[m]];
		yes[i] = have >= n->need;
	}
	return yes[p->quorum];
}

int
witness_policy_judge(const struct witness_policy *p, const char *note,
    size_t length, struct witness_verdict *out)
{
	struct witness_verdict v = { 0 };

	for (size_t i = 0; i < p->witness_count; i++) {
		const struct note_key *k = &p->nodes[p->witnesses[i]].key;
		int err = witness_time(note, length, k, &v.time[i]);

		if (err != 0 && err != ERR_NOT_FOUND)
			return err;
		v.count += v.time[i] != 0;
	}
	v.met = met_by(p, &v, UINT64_MAX);
	*out = v;
	return 0;
}

uint64_t
witness_policy_moment(const struct witness_policy *p,
    const struct witness_verdict *v)
{
	uint64_t best = 0;

	if (!v->met || p->quorum == NO_NODE)
		return 0;
	for (size_t i = 0; i < p->witness_count; i++)
		if (v->time[i] != 0 && (best == 0 || v->time[i] < best) &&
		    met_by(p, v, v->time[i]))
			best = v->time[i];
	return best;
}
