/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/options.h"
#include "tests/fuzz/fuzz.h"
#include "vault/log.h"

#define WORDS_MAX 64
#define TEXT_MAX 4096

static void
ignore(void *arg, const char *line)
{
	(void)arg;
	(void)line;
}

/* The words of a command line, each ended by a NUL or a newline. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const volatile bool never;
	char text[TEXT_MAX + 1] = "", *argv[WORDS_MAX + 1] = { NULL };
	const char *value = NULL;
	bool flag;
	struct options_list list = { .count = 0 };
	const struct options_own own[] = {
		{ "flag", 'f', OPTIONS_FLAG, &flag },
		{ "value", 0, OPTIONS_TEXT, &value },
		{ "list", 'l', OPTIONS_LIST, &list },
		OPTIONS_END,
	};
	struct options_operands operands;
	struct options o;
	uint64_t number;
	int64_t moment;
	int argc = 0, next;

	memcpy(text, bytes, n < TEXT_MAX ? n : TEXT_MAX);
	for (char *at = text; at < text + TEXT_MAX && argc < WORDS_MAX;
	     at += strlen(at) + 1) {
		at[strcspn(at, "\n")] = '\0';
		argv[argc++] = at;
		if (at[0] == '\0')
			break;
	}
	log_sink(ignore, NULL);
	options_init(&o, &never);
	if (options_globals(&o, argc, argv, &next) == 0 && next < argc &&
	    options_parse(&o, own, argc - next, argv + next, &operands) == 0 &&
	    operands.count > 0)
		value = operands.items[0];
	if (value != NULL && options_number(&o, "n", value, 9, &number) != 0 &&
	    options_time(&o, "t", value, 1, &moment) != 0 &&
	    options_principal(&o, value) != 0)
		return 0;
	return 0;
}
