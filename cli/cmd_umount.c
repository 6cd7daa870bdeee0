/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>

#include "cli/cmd.h"
#include "cli/out.h"
#include "fuse/mountpoint.h"
#include "vault/err.h"

int
cmd_umount(struct options *o, int argc, char **argv)
{
	bool force = false;
	const struct options_own own[] = {
		{ "force", 0, OPTIONS_FLAG, &force },
		OPTIONS_END,
	};
	struct options_operands operands;
	OWNED_JSON j = NULL;
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0 ||
	    (r = mountpoint_umount(operands.items[0], force)) != 0)
		return r;
	if (!o->json)
		return 0;
	j = json_pack("{s:o, s:b}", "mountpoint", out_text(operands.items[0]),
	    "unmounted", true);
	return j != NULL ? out_json(j) : ERR_NOMEM;
}
