/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cli/agent.h"
#include "cli/keyfile.h"
#include "cli/sshkey.h"
#include "tests/fuzz/fuzz.h"

/* Key files as they are, and an agent's answers from their type byte on.  What
 * parses is well-formed. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	OWNED_AGENT_KEYS keys = { 0 };
	OWNED_SSHKEY ssh = { 0 };
	struct keyfile f;
	uint8_t sig[STATEMENT_SIG];

	if (secret_init() != 0)
		return 0;
	if (keyfile_parse(&f, bytes, n) == 0 &&
	    (!keyfile_name_ok(f.name) || f.cost.passes > 16))
		abort();
	if (sshkey_parse(&ssh, bytes, n) == 0 &&
	    (ssh.seed != NULL) != (ssh.kind == SSHKEY_PLAIN))
		abort();
	if (agent_identities_parse(&keys, bytes, n) == 0 &&
	    keys.count > AGENT_KEYS_MAX)
		abort();
	if (agent_signature_parse(sig, bytes, n) == 0 && n < STATEMENT_SIG)
		abort();
	return 0;
}
