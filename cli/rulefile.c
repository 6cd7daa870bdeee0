/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/rulefile.h"

#include <stdio.h>
#include <string.h>

#include "vault/err.h"
#include "vault/file.h"
#include "vault/log.h"

#define WHY_SIZE 400
#define NAME_SIZE 256

int
rulefile_load(const char *path, struct watch_rules *rules,
    struct deliver *deliver)
{
	char said[WHY_SIZE] = "", name[NAME_SIZE];
	const struct why why = { said, sizeof(said) };
	OWNED_MEM(uint8_t) text = NULL;
	struct watch_rules r;
	size_t n;
	int err;

	log_name(name, sizeof(name), path, strlen(path));
	err = file_load(NULL, path, WATCH_RULES_TEXT_MAX, &text, &n);
	if (err == ERR_NOT_FOUND)
		return log_err(err, "there is no file '%s'", name);
	if (err == ERR_LIMIT)
		return log_err(err, "'%s' is longer than %u bytes", name,
		    WATCH_RULES_TEXT_MAX);
	if (err != 0)
		return err;
	err = watch_rules_parse(&r, (const char *)text, n, &why);
	if (err == 0)
		err = deliver_parse(deliver, (const char *)text, n, &why);
	if (err != 0)
		return log_err(err, "'%s': %s", name, said);
	*rules = r;
	return 0;
}
