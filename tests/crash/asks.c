/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of a running keyd, led by the test that kills it:
 *	asks VAULT KEYFILE REF
 * opens a session and prints its number; for each line "FIRST COUNT" on stdin
 * it asks for the keys of those rows, and prints "keys BYTES", or "none" and
 * the error.  debit.py goes by it.
 */
#include <inttypes.h>
#include <stdio.h>

#include "tests/lib/asker.h"
#include "vault/log.h"
#include "vault/secret.h"

int
main(int argc, char **argv)
{
	struct asker a;
	uint64_t first, bytes;
	uint32_t count;
	int err;

	log_init("asks");
	if (argc != 4 || secret_init() != 0)
		return 2;
	if (asker_come(&a, argv[1], argv[2]) != 0 ||
	    asker_open(&a, argv[3], "") != 0)
		return 1;
	printf("%" PRIu64 "\n", a.session);
	fflush(stdout);
	while (scanf("%" SCNu64 " %" SCNu32, &first, &count) == 2) {
		err = asker_take(&a, first, count, &bytes);
		if (err == 0)
			printf("keys %" PRIu64 "\n", bytes);
		else
			printf("none %d\n", err);
		fflush(stdout);
	}
	asker_go(&a);
	return 0;
}
