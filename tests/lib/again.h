/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_AGAIN_H
#define WEIR_AGAIN_H

#include "keys/msg.h"

/*
 * AGAIN(x): again_x, which reads a message of kind x from bytes and writes what
 * it read.  One encoding a message: what parses is written back byte for byte.
 * On failure, msg_x_read's error.
 */
#define AGAIN(x)                                                               \
	static int again_##x(const uint8_t *bytes, size_t n, struct writer *w) \
	{                                                                      \
		struct reader r = reader_of(bytes, n);                         \
		struct msg_##x m;                                              \
		int err = msg_##x##_read(&m, &r);                              \
                                                                               \
		if (err != 0)                                                  \
			return err;                                            \
		msg_##x##_write(w, &m);                                        \
		msg_##x##_clear(&m);                                           \
		return 0;                                                      \
	}                                                                      \
	static int again_##x(const uint8_t *bytes, size_t n, struct writer *w)

#endif
