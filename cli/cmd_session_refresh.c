/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cli/cmd.h"
#include "cli/out.h"
#include "fuse/door.h"
#include "fuse/mountpoint.h"
#include "vault/err.h"
#include "vault/log.h"

static int
print_result(const struct options *o, const char *path,
    const struct door_reply *reply)
{
	OWNED_JSON j = NULL;

	if (reply->status != 0) {
		log_error("'%s' stays as it is: %s", path, reply->line);
		return reply->status;
	}
	if (!o->quiet)
		log_info("'%s': %s", path, reply->line);
	if (!o->json)
		return 0;
	j = json_pack("{s:o, s:b}", "mountpoint", out_text(path), "changed",
	    reply->changed);
	return j != NULL ? out_json(j) : ERR_NOMEM;
}

int
cmd_session_refresh(struct options *o, int argc, char **argv)
{
	struct options_operands operands;
	struct door_reply reply;
	OWNED_MEM(char) path = NULL;
	char *found;
	int r;

	if ((r = options_parse(o, NULL, argc, argv, &operands)) != 0 ||
	    (r = mountpoint_name(&found, operands.items[0])) != 0)
		return r;
	path = found;
	r = door_ask(&reply, path);
	if (r == ERR_NOT_FOUND)
		return log_err(r,
		    "no monitor of yours can be asked about '%s': it is "
		    "refreshed by who mounted it",
		    path);
	return r != 0 ? r : print_result(o, path, &reply);
}
