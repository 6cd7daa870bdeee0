/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/rulefile.h"
#include "keys/watch_rules.h"
#include "keys/watchfile.h"
#include "vault/err.h"
#include "vault/log.h"

static json_t *
describe(const struct watch_rules *r, enum watch_rule_id id)
{
	return json_pack("{s:s, s:b, s:s, s:I}", "rule", watch_rules_name(id),
	    "enabled", (int)r->rules[id].enabled, "severity",
	    watch_rules_severity(r->rules[id].severity), "pause",
	    (json_int_t)r->rules[id].pause);
}

static int
print_json(const struct watch_rules *r, const char *text)
{
	OWNED_JSON j = json_pack("{s:b, s:[], s:s}", "ok", 1, "rules", "text",
	    text);

	if (j == NULL)
		return ERR_NOMEM;
	for (unsigned int id = 0; id < WATCH_RULES; id++)
		if (json_array_append_new(json_object_get(j, "rules"),
			describe(r, (enum watch_rule_id)id)) != 0)
			return ERR_NOMEM;
	return out_json(j);
}

int
cmd_watch_check(struct options *o, int argc, char **argv)
{
	struct options_operands operands;
	OWNED_MEM(char) text = NULL;
	struct watch_rules rules;
	struct deliver deliver;
	unsigned int on = 0;
	int r;

	if ((r = options_parse(o, NULL, argc, argv, &operands)) != 0 ||
	    (r = rulefile_load(operands.items[0], &rules, &deliver)) != 0)
		return r;
	text = watch_rules_text(&rules);
	if (text == NULL)
		return ERR_NOMEM;
	if (o->json)
		return print_json(&rules, text);

	fputs(text, stdout);
	for (unsigned int id = 0; id < WATCH_RULES; id++)
		on += rules.rules[id].enabled;
	if (!o->quiet)
		log_info(
		    "the rules are sound: %u of %d are on; next: weir "
		    "audit replay --rules '%s'   says what they would "
		    "have raised; to apply them, copy the file to " WATCHFILE
		    " in the vault and reload weir-keyd (systemctl reload "
		    "weir-keyd@NAME, or SIGHUP)",
		    on, WATCH_RULES, operands.items[0]);
	return 0;
}
