/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/opcode.h"

static const struct opcode opcodes[256] = {
	['('] = { ARG_NONE, ACT_MARK, 0, 0, 0 },
	['.'] = { ARG_NONE, ACT_STOP, 0, 1, 0 },
	['0'] = { ARG_NONE, ACT_POP, 0, 0, 0 },
	['1'] = { ARG_NONE, ACT_NONE, 1, 0, 0 }, /* POP_MARK */
	['2'] = { ARG_NONE, ACT_DUP, 0, 0, 0 },
	['F'] = { ARG_LINE, ACT_NONE, 0, 0, PUSH_DATA },    /* FLOAT */
	['I'] = { ARG_LINE, ACT_NONE, 0, 0, PUSH_DATA },    /* INT */
	['J'] = { ARG_4, ACT_NONE, 0, 0, PUSH_DATA },	    /* BININT */
	['K'] = { ARG_1, ACT_NONE, 0, 0, PUSH_DATA },	    /* BININT1 */
	['L'] = { ARG_LINE, ACT_NONE, 0, 0, PUSH_DATA },    /* LONG */
	['M'] = { ARG_2, ACT_NONE, 0, 0, PUSH_DATA },	    /* BININT2 */
	['N'] = { ARG_NONE, ACT_NONE, 0, 0, PUSH_DATA },    /* NONE */
	['P'] = { ARG_LINE, ACT_NONE, 0, 0, PUSH_ANY },	    /* PERSID */
	['Q'] = { ARG_NONE, ACT_NONE, 0, 1, PUSH_ANY },	    /* BINPERSID */
	['R'] = { ARG_NONE, ACT_NONE, 0, 2, PUSH_ANY },	    /* REDUCE */
	['S'] = { ARG_LINE, ACT_QUOTED, 0, 0, 0 },	    /* STRING */
	['T'] = { ARG_COUNT4_SIGNED, ACT_STRING, 0, 0, 0 }, /* BINSTRING */
	['U'] = { ARG_COUNT1, ACT_STRING, 0, 0, 0 },	/* SHORT_BINSTRING */
	['V'] = { ARG_LINE, ACT_TEXT, 0, 0, 0 },	/* UNICODE */
	['X'] = { ARG_COUNT4, ACT_STRING, 0, 0, 0 },	/* BINUNICODE */
	['a'] = { ARG_NONE, ACT_NONE, 0, 2, PUSH_ANY }, /* APPEND */
	['b'] = { ARG_NONE, ACT_NONE, 0, 2, PUSH_ANY }, /* BUILD */
	['c'] = { ARG_OWN, ACT_GLOBAL, 0, 0, PUSH_ANY },
	['d'] = { ARG_NONE, ACT_NONE, 1, 0, PUSH_DATA }, /* DICT */
	['}'] = { ARG_NONE, ACT_NONE, 0, 0, PUSH_DATA }, /* EMPTY_DICT */
	['e'] = { ARG_NONE, ACT_NONE, 1, 1, PUSH_ANY },	 /* APPENDS */
	['g'] = { ARG_LINE, ACT_GET_LINE, 0, 0, 0 },
	['h'] = { ARG_1, ACT_GET, 0, 0, 0 },		 /* BINGET */
	['i'] = { ARG_OWN, ACT_GLOBAL, 1, 0, PUSH_ANY }, /* INST */
	['j'] = { ARG_4, ACT_GET, 0, 0, 0 },		 /* LONG_BINGET */
	['l'] = { ARG_NONE, ACT_NONE, 1, 0, PUSH_DATA }, /* LIST */
	[']'] = { ARG_NONE, ACT_NONE, 0, 0, PUSH_DATA }, /* EMPTY_LIST */
	['o'] = { ARG_NONE, ACT_NONE, 1, 0, PUSH_ANY },	 /* OBJ */
	['p'] = { ARG_LINE, ACT_PUT_LINE, 0, 0, 0 },
	['q'] = { ARG_1, ACT_PUT, 0, 0, 0 },		   /* BINPUT */
	['r'] = { ARG_4, ACT_PUT, 0, 0, 0 },		   /* LONG_BINPUT */
	['s'] = { ARG_NONE, ACT_NONE, 0, 3, PUSH_ANY },	   /* SETITEM */
	['t'] = { ARG_NONE, ACT_NONE, 1, 0, PUSH_DATA },   /* TUPLE */
	[')'] = { ARG_NONE, ACT_NONE, 0, 0, PUSH_DATA },   /* EMPTY_TUPLE */
	['u'] = { ARG_NONE, ACT_NONE, 1, 1, PUSH_ANY },	   /* SETITEMS */
	['G'] = { ARG_8, ACT_NONE, 0, 0, PUSH_DATA },	   /* BINFLOAT */
	['B'] = { ARG_COUNT4, ACT_SKIP, 0, 0, PUSH_DATA }, /* BINBYTES */
	['C'] = { ARG_COUNT1, ACT_SKIP, 0, 0, PUSH_DATA }, /* SHORT_BINBYTES */
	[0x80] = { ARG_1, ACT_PROTO, 0, 0, 0 },
	[0x81] = { ARG_NONE, ACT_NONE, 0, 2, PUSH_ANY },    /* NEWOBJ */
	[0x82] = { ARG_1, ACT_EXTENSION, 0, 0, PUSH_ANY },  /* EXT1 */
	[0x83] = { ARG_2, ACT_EXTENSION, 0, 0, PUSH_ANY },  /* EXT2 */
	[0x84] = { ARG_4, ACT_EXTENSION, 0, 0, PUSH_ANY },  /* EXT4 */
	[0x85] = { ARG_NONE, ACT_NONE, 0, 1, PUSH_DATA },   /* TUPLE1 */
	[0x86] = { ARG_NONE, ACT_NONE, 0, 2, PUSH_DATA },   /* TUPLE2 */
	[0x87] = { ARG_NONE, ACT_NONE, 0, 3, PUSH_DATA },   /* TUPLE3 */
	[0x88] = { ARG_NONE, ACT_NONE, 0, 0, PUSH_DATA },   /* NEWTRUE */
	[0x89] = { ARG_NONE, ACT_NONE, 0, 0, PUSH_DATA },   /* NEWFALSE */
	[0x8a] = { ARG_COUNT1, ACT_LONG, 0, 0, PUSH_DATA }, /* LONG1 */
	[0x8b] = { ARG_COUNT4_SIGNED, ACT_SKIP, 0, 0, PUSH_DATA }, /* LONG4 */
	[0x8c] = { ARG_COUNT1, ACT_STRING, 0, 0, 0 }, /* SHORT_BINUNICODE */
	[0x8d] = { ARG_COUNT8, ACT_STRING, 0, 0, 0 }, /* BINUNICODE8 */
	[0x8e] = { ARG_COUNT8, ACT_SKIP, 0, 0, PUSH_DATA }, /* BINBYTES8 */
	[0x8f] = { ARG_NONE, ACT_NONE, 0, 0, PUSH_DATA },   /* EMPTY_SET */
	[0x90] = { ARG_NONE, ACT_NONE, 1, 1, PUSH_ANY },    /* ADDITEMS */
	[0x91] = { ARG_NONE, ACT_NONE, 1, 0, PUSH_DATA },   /* FROZENSET */
	[0x92] = { ARG_NONE, ACT_NONE, 0, 3, PUSH_ANY },    /* NEWOBJ_EX */
	[0x93] = { ARG_NONE, ACT_STACK_GLOBAL, 0, 0, PUSH_ANY },
	[0x94] = { ARG_NONE, ACT_PUT_NEXT, 0, 0, 0 },	    /* MEMOIZE */
	[0x95] = { ARG_8, ACT_FRAME, 0, 0, 0 },		    /* FRAME */
	[0x96] = { ARG_COUNT8, ACT_SKIP, 0, 0, PUSH_DATA }, /* BYTEARRAY8 */
	[0x97] = { ARG_NONE, ACT_NONE, 0, 0, PUSH_ANY },    /* NEXT_BUFFER */
	[0x98] = { ARG_NONE, ACT_NONE, 0, 1, PUSH_ANY }, /* READONLY_BUFFER */
};

const struct opcode *
opcode_of(uint8_t byte)
{
	return &opcodes[byte];
}
