/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_OPCODE_H
#define WEIR_OPCODE_H

#include <stdint.h>

/* The opcodes of Python's pickles, protocols 0 to 5, as far as a walk needs
 * to know them (pickle.h). */

/* What stands behind an opcode in the stream. */
enum argument {
	ARG_NONE,
	ARG_1, /* so many bytes */
	ARG_2,
	ARG_4,
	ARG_8,
	ARG_LINE,
	ARG_COUNT1, /* a count of so many bytes, and the counted bytes */
	ARG_COUNT4,
	ARG_COUNT8,
	ARG_COUNT4_SIGNED,
	ARG_OWN, /* the act reads it */
};

enum act {
	ACT_BAD = 0,
	ACT_NONE,
	ACT_SKIP, /* pass over the counted bytes */
	ACT_MARK,
	ACT_POP,
	ACT_DUP,
	ACT_STOP,
	ACT_PROTO,
	ACT_FRAME,
	ACT_STRING, /* the argument is a string */
	ACT_TEXT,   /* the argument is a line with a string */
	ACT_QUOTED, /* the same, in quotes */
	ACT_LONG,   /* the same, and look whether it is torch's number */
	ACT_PUT,
	ACT_PUT_LINE,
	ACT_PUT_NEXT,
	ACT_GET,
	ACT_GET_LINE,
	ACT_GLOBAL,
	ACT_STACK_GLOBAL,
	ACT_EXTENSION,
};

/* A value that is pushed, besides what the act pushes; 0: none. */
enum push {
	PUSH_ANY = 1, /* whatever was called has made it */
	PUSH_DATA,    /* anything but a str */
};

/*
 * What an opcode does: take its argument; with mark, pop down to the last
 * mark and the mark; pop so many values; act; push one.  A value that an
 * opcode changes in place is popped and pushed.
 */
struct opcode {
	uint8_t argument;
	uint8_t act;
	uint8_t mark;
	uint8_t pops;
	uint8_t pushes;
};

/* Every byte has one; its act is ACT_BAD where Python knows none. */
const struct opcode *opcode_of(uint8_t byte);

#endif
