/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-leaky: a command line with the leak that WEIR_MUTANT names, which the
 * tests of no-plaintext-at-rest must find out.
 *
 *	seal	what is stored as sealed is plain
 *	core	a process that crashes leaves a core, and its user may read it
 */
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/gcm.h"
#include "vault/secret.h"

int __real_gcm_seal(struct gcm *g, struct gcm_message *m);
int __wrap_gcm_seal(struct gcm *g, struct gcm_message *m);
int __real_secret_init(void);
int __wrap_secret_init(void);

static bool
leaks(const char *what)
{
	const char *mutant = getenv("WEIR_MUTANT");

	return mutant != NULL && strcmp(mutant, what) == 0;
}

int
__wrap_gcm_seal(struct gcm *g, struct gcm_message *m)
{
	OWNED_MEM(uint8_t) plain = NULL;
	int err;

	if (!leaks("seal"))
		return __real_gcm_seal(g, m);
	plain = malloc(m->length + 1);
	if (plain == NULL)
		return ERR_NOMEM;
	memcpy(plain, m->in, m->length);
	err = __real_gcm_seal(g, m);
	memcpy(m->out, plain, m->length);
	return err;
}

int
__wrap_secret_init(void)
{
	if (!leaks("core"))
		return __real_secret_init();
	return sodium_init() < 0 ? ERR_IO : 0;
}
