/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/pickle.h"

#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/imports.h"
#include "vault/memo.h"
#include "vault/opcode.h"
#include "vault/pyint.h"

#define TORCH_PICKLES 5 /* magic, version, system, objects, storage keys */
#define MAGIC_PICKLE 15 /* bytes of the first of these */
#define UNKNOWN "?"

/* A growing list of numbers with a limit. */
struct numbers {
	uint32_t *items;
	size_t count;
	size_t capacity;
};

/* A value on the stack or in the memo: the place behind a string in strings,
 * or what is not known, or what is no str in any case. */
#define OTHER 0U
#define NO_TEXT (UINT32_MAX - 1)

struct frame {
	uint64_t end; /* in the stream; 0: there was none */
	bool cut;     /* it is longer than what there is */
};

struct walk {
	struct stream *s;
	struct model_imports *imports;
	const struct why *why;
	struct numbers stack;
	struct numbers marks; /* how high the stack was */
	struct memo memo;
	char *strings; /* NUL-terminated, one after another */
	size_t strings_length;
	size_t strings_capacity;
	struct frame frame; /* the last one */
	bool magic;	    /* this pickle holds torch's magic number */
	bool stopped;
};

static void
walk_clear(struct walk *w)
{
	free(w->stack.items);
	free(w->marks.items);
	memo_clear(&w->memo);
	free(w->strings);
}

static int PRINTF_LIKE(3, 4)
    refuse(const struct walk *w, int err, const char *fmt, ...)
{
	char what[200];
	va_list args;

	if (w->s->err == ERR_FORMAT && err == ERR_FORMAT)
		return why_say(w->why, ERR_FORMAT,
		    "pickle: ends at byte %" PRIu64 " without a STOP",
		    w->s->offset);
	if (w->s->err != 0 && w->s->err != ERR_FORMAT)
		return w->s->err;
	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	return why_say(w->why, err, "pickle: before byte %" PRIu64 ": %s",
	    w->s->offset, what);
}

static int
add_import(const struct walk *w, const char *module, const char *name)
{
	char import[IMPORTS_SIZE];
	int err;

	snprintf(import, sizeof(import), "%s %s", module, name);
	err = imports_add(w->imports, import);
	if (err == ERR_LIMIT)
		return refuse(w, err, "more than %d imports", IMPORTS_MAX);
	return err;
}

/* Make room for one more, of at most max. */
static int
numbers_grow(struct numbers *n, size_t max)
{
	size_t capacity = n->capacity != 0 ? 2 * n->capacity : 256;
	void *items;

	if (n->count < n->capacity)
		return 0;
	if (capacity > max)
		capacity = max;
	if (n->count == capacity)
		return ERR_LIMIT;
	items = reallocarray(n->items, capacity, sizeof(*n->items));
	if (items == NULL)
		return ERR_NOMEM;
	n->items = items;
	n->capacity = capacity;
	return 0;
}

static int
push_to(const struct walk *w, struct numbers *n, uint32_t value)
{
	int err = numbers_grow(n, PICKLE_STACK_MAX);

	if (err == ERR_LIMIT)
		return refuse(w, err, "more than %u values on the stack",
		    PICKLE_STACK_MAX);
	if (err == 0)
		n->items[n->count++] = value;
	return err;
}

static int
push(struct walk *w, uint32_t value)
{
	return push_to(w, &w->stack, value);
}

/* How many values stand above the last mark. */
static size_t
above_mark(const struct walk *w)
{
	return w->stack.count -
	    (w->marks.count > 0 ? w->marks.items[w->marks.count - 1] : 0);
}

static int
pop(struct walk *w, size_t n)
{
	if (above_mark(w) < n)
		return refuse(w, ERR_FORMAT,
		    "takes a value from a stack that "
		    "holds none");
	w->stack.count -= n;
	return 0;
}

static int
pop_mark(struct walk *w)
{
	if (w->marks.count == 0)
		return refuse(w, ERR_FORMAT,
		    "goes back to a mark, and there "
		    "is none");
	w->stack.count = w->marks.items[--w->marks.count];
	return 0;
}

static int
top(const struct walk *w, uint32_t *value)
{
	if (above_mark(w) == 0)
		return refuse(w, ERR_FORMAT, "looks at an empty stack");
	*value = w->stack.items[w->stack.count - 1];
	return 0;
}

/* Only what can be a part of a module's or an object's name is kept. */
static bool
name_like(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] <= ' ' || text[i] > '~' || text[i] == '\\')
			return false;
	return length > 0 && length <= PICKLE_NAME_MAX;
}

static int
push_string(struct walk *w, const char *text, size_t length)
{
	uint32_t value;

	if (!name_like(text, length) ||
	    w->strings_length + length + 1 > PICKLE_STRINGS_MAX)
		return push(w, OTHER);
	if (w->strings_length + length + 1 > w->strings_capacity) {
		size_t capacity = 2 * w->strings_capacity + 4096;
		char *strings = realloc(w->strings, capacity);

		if (strings == NULL)
			return ERR_NOMEM;
		w->strings = strings;
		w->strings_capacity = capacity;
	}
	memcpy(w->strings + w->strings_length, text, length);
	w->strings[w->strings_length + length] = '\0';
	value = (uint32_t)w->strings_length + 1;
	w->strings_length += length + 1;
	return push(w, value);
}

static int
put(struct walk *w, uint64_t index)
{
	uint32_t value = OTHER;
	int err = top(w, &value);

	if (err != 0)
		return err;
	err = memo_put(&w->memo, index, value);
	if (err == ERR_LIMIT)
		return refuse(w, err, "memo entry %" PRIu64 " of %zu", index,
		    w->memo.count);
	return err;
}

static int
get(struct walk *w, uint64_t index)
{
	const uint32_t *value = memo_get(&w->memo, index);

	if (value == NULL)
		return refuse(w, ERR_FORMAT,
		    "memo entry %" PRIu64 " is not there", index);
	return push(w, *value);
}

static bool
is_utf8(const char *text, size_t length)
{
	/* jansson makes no string of what is not UTF-8. */
	json_t *j = json_stringn(text, length);
	bool ok = j != NULL;

	json_decref(j);
	return ok;
}

/*
 * One of the two lines of a GLOBAL.  Python stops at what is not UTF-8, and
 * finds no module with a NUL in its name, but may find its parent.  Another
 * name with a NUL, or one too long to be kept, is not known.
 */
static int
read_name(const struct walk *w, char name[static PICKLE_NAME_MAX + 1],
    bool module)
{
	uint64_t length = stream_line(w->s, name, PICKLE_NAME_MAX + 1);
	size_t kept = length < PICKLE_NAME_MAX ? length : PICKLE_NAME_MAX;

	if (w->s->err != 0 && w->s->err != ERR_FORMAT)
		return w->s->err;
	/* Python drops the last byte of a line, which the file may end in. */
	if (w->s->err != 0 && kept == length && kept > 0)
		kept--;
	/* What was cut may have been cut inside a character. */
	while (kept > 0 && kept < length && (name[kept - 1] & 0x80) != 0)
		kept--;
	if (!is_utf8(name, kept))
		return refuse(w, ERR_FORMAT,
		    "the name of an import is not UTF-8");
	if (module && strlen(name) < kept && strchr(name, '.') == NULL)
		return refuse(w, ERR_FORMAT,
		    "the name of an import holds a NUL");
	if (strlen(name) != length)
		memcpy(name, UNKNOWN, sizeof(UNKNOWN));
	return 0;
}

/*
 * Where the file ends inside a line, Python's unpickler that is written in
 * Python still imports what it has of the module's name.
 */
static int
act_global(const struct walk *w)
{
	char module[PICKLE_NAME_MAX + 1], name[PICKLE_NAME_MAX + 1];
	int err;

	err = read_name(w, module, true);
	if (err != 0 || (w->s->err != 0 && module[0] == '\0'))
		return err;
	err = read_name(w, name, false);
	if (err != 0)
		return err;
	return add_import(w, module, w->s->err == 0 ? name : UNKNOWN);
}

static const char *
string_of(const struct walk *w, uint32_t value)
{
	return value == OTHER ? UNKNOWN : w->strings + value - 1;
}

static int
act_stack_global(struct walk *w)
{
	uint32_t module, name;
	int err;

	err = pop(w, 2);
	if (err != 0)
		return err;
	module = w->stack.items[w->stack.count];
	name = w->stack.items[w->stack.count + 1];
	if (module == NO_TEXT || name == NO_TEXT)
		return refuse(w, ERR_FORMAT, "imports what is no str");
	return add_import(w, string_of(w, module), string_of(w, name));
}

/* The counted bytes of a string opcode. */
static int
act_string(struct walk *w, uint64_t length)
{
	char text[PICKLE_NAME_MAX];

	if (length > sizeof(text)) {
		stream_skip(w->s, length);
		return push(w, OTHER);
	}
	stream_copy(w->s, text, (size_t)length);
	return push_string(w, text, (size_t)length);
}

/* A line with a string: quotes come off, escapes make it unknown. */
static int
act_line(struct walk *w, const char *line, uint64_t length, bool quoted)
{
	if (length > PICKLE_NAME_MAX)
		return push(w, OTHER);
	if (!quoted)
		return push_string(w, line, (size_t)length);
	if (length < 2)
		return push(w, OTHER);
	return push_string(w, line + 1, (size_t)length - 2);
}

static int
act_extension(const struct walk *w)
{
	return refuse(w, ERR_FORMAT,
	    "takes an import from a registry that only its writer has");
}

static int
act_pop(struct walk *w)
{
	/* Python's POP takes a mark when nothing stands above it. */
	if (w->marks.count > 0 && above_mark(w) == 0)
		return pop_mark(w);
	return pop(w, 1);
}

/* Torch's magic number, as LONG1 writes it. */
static void
act_long(struct walk *w, uint64_t length)
{
	static const uint8_t magic[] = { 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20,
		0x6a, 0xa8, 0x50, 0x19 };
	uint8_t bytes[sizeof(magic)];

	if (length != sizeof(magic)) {
		stream_skip(w->s, length);
		return;
	}
	stream_copy(w->s, bytes, sizeof(bytes));
	w->magic = memcmp(bytes, magic, sizeof(magic)) == 0;
}

/*
 * Python's unpicklers read a frame at once.  What begins inside and ends
 * behind it, or stops before its end, makes them drop bytes that are walked
 * here, and one of them not as the other.  No pickler writes such a thing.
 * A frame that is longer than what there is stops the one in C; to the one in
 * Python it is all there is, and has no frame inside and nothing behind it.
 */
static int
check_frame(const struct walk *w, const struct opcode *op, uint64_t begin,
    const struct frame *f)
{
	if (f->cut) {
		if (op->act == ACT_FRAME)
			return refuse(w, ERR_FORMAT, "a frame inside a frame");
		if (w->stopped)
			stream_skip(w->s, stream_left(w->s));
		return 0;
	}
	if (begin < f->end &&
	    (w->s->offset > f->end || w->s->err == ERR_FORMAT ||
		op->act == ACT_FRAME))
		return refuse(w, ERR_LIMIT,
		    "an opcode crosses the end of a frame");
	if (w->stopped && w->s->offset < f->end)
		return refuse(w, ERR_LIMIT, "a STOP inside a frame");
	return 0;
}

/* What stood behind an opcode; number is a number, or how many bytes a
 * string or a line has. */
struct taken {
	uint64_t number;
	char line[PICKLE_NAME_MAX + 2];
};

static int
take_argument(struct walk *w, const struct opcode *op, struct taken *t)
{
	t->number = 0;
	switch ((enum argument)op->argument) {
	case ARG_NONE:
	case ARG_OWN:
		break;
	case ARG_1:
	case ARG_COUNT1:
		t->number = stream_u8(w->s);
		break;
	case ARG_2:
		t->number = stream_u16(w->s);
		break;
	case ARG_4:
	case ARG_COUNT4:
	case ARG_COUNT4_SIGNED:
		t->number = stream_u32(w->s);
		break;
	case ARG_8:
	case ARG_COUNT8:
		t->number = stream_u64(w->s);
		break;
	case ARG_LINE:
		t->number = stream_line(w->s, t->line, sizeof(t->line));
		break;
	}
	if (op->argument == ARG_COUNT4_SIGNED && t->number > INT32_MAX)
		return refuse(w, ERR_FORMAT, "a negative length");
	return w->s->err == 0 ? 0 : refuse(w, ERR_FORMAT, "an argument");
}

/* An index written as a line: what Python does not take stops it. */
static int
act_index(struct walk *w, const struct taken *t,
    int (*use)(struct walk *w, uint64_t index))
{
	const bool cut = t->number >= sizeof(t->line);
	uint64_t index = 0;
	int err = pyint_read(t->line,
	    cut ? sizeof(t->line) - 1 : (size_t)t->number, cut, &index);

	if (err != 0)
		return refuse(w, err, "the number of a memo entry is %s",
		    err == ERR_FORMAT ? "none" : "too large");
	return use(w, index);
}

static int
act(struct walk *w, const struct opcode *op, const struct taken *t)
{
	uint32_t value = OTHER;
	int err;

	switch ((enum act)op->act) {
	case ACT_BAD:
		return refuse(w, ERR_FORMAT, "an opcode that Python has not");
	case ACT_NONE:
		return 0;
	case ACT_SKIP:
		stream_skip(w->s, t->number);
		return 0;
	case ACT_MARK:
		return push_to(w, &w->marks, (uint32_t)w->stack.count);
	case ACT_POP:
		return act_pop(w);
	case ACT_DUP:
		err = top(w, &value);
		return err != 0 ? err : push(w, value);
	case ACT_STOP:
		w->stopped = true;
		return 0;
	case ACT_PROTO:
		return t->number <= 5 ?
		    0 :
		    refuse(w, ERR_FORMAT, "a protocol that Python has not");
	case ACT_FRAME:
		w->frame.cut = t->number > stream_left(w->s);
		w->frame.end = w->s->offset + (w->frame.cut ? 0 : t->number);
		return 0;
	case ACT_STRING:
		return act_string(w, t->number);
	case ACT_TEXT:
		return act_line(w, t->line, t->number, false);
	case ACT_QUOTED:
		return act_line(w, t->line, t->number, true);
	case ACT_LONG:
		act_long(w, t->number);
		return 0;
	case ACT_PUT:
		return put(w, t->number);
	case ACT_PUT_LINE:
		return act_index(w, t, put);
	case ACT_PUT_NEXT:
		return put(w, w->memo.count);
	case ACT_GET:
		return get(w, t->number);
	case ACT_GET_LINE:
		return act_index(w, t, get);
	case ACT_GLOBAL:
		return act_global(w);
	case ACT_STACK_GLOBAL:
		return act_stack_global(w);
	case ACT_EXTENSION:
		return act_extension(w);
	}
	return 0;
}

static int
step(struct walk *w)
{
	const uint64_t begin = w->s->offset;
	const struct frame frame = w->frame;
	const struct opcode *op = opcode_of(stream_u8(w->s));
	struct taken t;
	int err, crossed;

	if (w->s->err != 0)
		return refuse(w, ERR_FORMAT, "an opcode");
	err = take_argument(w, op, &t);
	/* An import counts even if the opcode then finds no value: Python may
	 * import first. */
	if (err == 0)
		err = act(w, op, &t);
	if (err == 0 && op->mark)
		err = pop_mark(w);
	if (err == 0)
		err = pop(w, op->pops);
	if (err == 0 && op->pushes != 0)
		err = push(w, op->pushes == PUSH_DATA ? NO_TEXT : OTHER);
	if (err == 0 && w->s->err != 0)
		err = refuse(w, ERR_FORMAT, "an argument");
	/* Where bytes were dropped others make sense, or none do. */
	if (err != 0 && err != ERR_FORMAT)
		return err;
	crossed = check_frame(w, op, begin, &frame);
	return crossed != 0 ? crossed : err;
}

/* One pickle, up to its STOP.  Nothing is carried over to the next one. */
static int
walk_pickle(struct walk *w)
{
	w->stack.count = w->marks.count = 0;
	w->strings_length = 0;
	memo_reset(&w->memo);
	w->frame = (struct frame){ 0 };
	w->magic = w->stopped = false;
	while (!w->stopped) {
		int err = step(w);

		if (err != 0)
			return err;
	}
	return 0;
}

int
pickle_list(struct model_imports *imports, struct stream *s,
    const struct why *why)
{
	struct walk w = { .s = s, .imports = imports, .why = why };
	const uint64_t begin = s->offset;
	unsigned int most = UINT_MAX;
	int err = 0;

	for (unsigned int n = 0; err == 0 && n < most; n++) {
		if (n > 0 && stream_left(s) == 0)
			break;
		err = walk_pickle(&w);
		/* PROTO, LONG1, the number and STOP, and nothing else. */
		if (n == 0 && w.magic && s->offset - begin == MAGIC_PICKLE)
			most = TORCH_PICKLES;
	}
	walk_clear(&w);
	return err;
}
