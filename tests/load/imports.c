/* SPDX-License-Identifier: Apache-2.0 */
/*
 *	imports <CASES
 * What weir says of pickles, each behind its length (4 bytes, as the machine
 * has them): a line with "sound", "broken" or "lost" (weir cannot follow it),
 * and the imports, with tabs between.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/source.h"
#include "vault/err.h"
#include "vault/imports.h"
#include "vault/pickle.h"

#define MOST (1U << 20)

static const char *
word_of(int err)
{
	return err == 0 ? "sound" : err == ERR_LIMIT ? "lost" : "broken";
}

static int
list(const uint8_t *bytes, size_t n)
{
	struct model_source src = source_of(bytes, n);
	struct model_imports imports = { 0 };
	OWNED_STREAM s = { 0 };
	char text[256];
	const struct why why = { text, sizeof(text) };
	int err = stream_open(&s, &src, 0, n);

	if (err == 0)
		err = pickle_list(&imports, &s, &why);
	fputs(word_of(err), stdout);
	for (size_t i = 0; i < imports.count; i++)
		printf("\t%s", imports.names[i]);
	putchar('\n');
	model_imports_clear(&imports);
	return err == ERR_NOMEM ? err : 0;
}

int
main(void)
{
	static uint8_t bytes[MOST];
	uint32_t n;

	while (fread(&n, sizeof(n), 1, stdin) == 1)
		if (n > MOST || fread(bytes, 1, n, stdin) != n ||
		    list(bytes, n) != 0)
			return EXIT_FAILURE;
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
