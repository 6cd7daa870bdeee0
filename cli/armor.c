/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/armor.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "vault/err.h"

#define BASE64 sodium_base64_VARIANT_ORIGINAL
#define LINE 64
#define EDGE_SIZE 128

static size_t
edge(char buf[static EDGE_SIZE], const char *which, const char *label)
{
	return (
	    size_t)snprintf(buf, EDGE_SIZE, "-----%s %s-----", which, label);
}

bool
armor_is(const void *text, size_t n, const char *label)
{
	char begin[EDGE_SIZE];
	size_t length = edge(begin, "BEGIN", label);

	return n >= length && memcmp(text, begin, length) == 0;
}

static bool
is_line_end(char c)
{
	return c == '\n' || c == '\r';
}

int
armor_decode(struct writer *w, const void *text, size_t n, const char *label)
{
	char begin[EDGE_SIZE], end[EDGE_SIZE];
	size_t skip = edge(begin, "BEGIN", label);
	size_t tail = edge(end, "END", label);
	const char *at = text;
	size_t got;
	uint8_t *room;

	while (n > 0 && is_line_end(at[n - 1]))
		n--;
	if (!armor_is(text, n, label) || n < skip + tail + 2 ||
	    memcmp(at + n - tail, end, tail) != 0 || !is_line_end(at[skip]) ||
	    !is_line_end(at[n - tail - 1]))
		return ERR_FORMAT;

	at += skip;
	n -= skip + tail;
	if (n / 4 * 3 + 3 > w->max - w->length)
		return ERR_FORMAT;
	room = writer_room(w, n / 4 * 3 + 3);
	if (room == NULL)
		return ERR_NOMEM;
	if (sodium_base642bin(room, n / 4 * 3 + 3, at, n, "\r\n", &got, NULL,
		BASE64) != 0)
		return ERR_FORMAT;
	w->length -= n / 4 * 3 + 3 - got;
	return 0;
}

int
armor_encode(struct writer *w, const void *bytes, size_t n, const char *label)
{
	char text[EDGE_SIZE];
	const uint8_t *from = bytes;

	writer_bytes(w, text, edge(text, "BEGIN", label));
	writer_u8(w, '\n');
	for (size_t i = 0; i < n; i += LINE / 4 * 3) {
		size_t part = n - i < LINE / 4 * 3 ? n - i : LINE / 4 * 3;

		sodium_bin2base64(text, sizeof(text), from + i, part, BASE64);
		writer_bytes(w, text, strlen(text));
		writer_u8(w, '\n');
	}
	writer_bytes(w, text, edge(text, "END", label));
	writer_u8(w, '\n');
	sodium_memzero(text, sizeof(text));
	return writer_ok(w) ? 0 : ERR_NOMEM;
}
