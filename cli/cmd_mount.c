/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/tools.h"
#include "keys/chain.h"
#include "vault/err.h"
#include "vault/log.h"

/* The arguments of weir-mount. */
struct arguments {
	char **items;
	size_t count;
};

static void
add(struct arguments *a, const char *item)
{
	/* execv takes them as they are; they are borrowed from argv. */
	memcpy(&a->items[a->count++], &item, sizeof(item));
}

static void
add_option(struct arguments *a, const char *name, const char *value)
{
	if (value == NULL)
		return;
	add(a, name);
	add(a, value);
}

struct mount {
	struct options *o;
	const char *user;
	const char *stall;
	bool foreground;
	struct options_list trust;
	bool first_use;
	bool allow_unsigned;
};

static int
make_arguments(const struct mount *m, const struct options_operands *operands,
    struct arguments *out)
{
	out->items = calloc(operands->count + 2 * m->trust.count + 24,
	    sizeof(*out->items));
	if (out->items == NULL)
		return ERR_NOMEM;
	add(out, "weir-mount");
	add_option(out, "--vault", m->o->vault);
	add_option(out, "--passphrase-file", m->o->unlock.passphrase_file);
	add_option(out, "--key-file", m->o->unlock.key_file);
	for (size_t i = 0; i < m->trust.count; i++)
		add_option(out, "--trust", m->trust.items[i]);
	if (m->first_use)
		add(out, "--trust-on-first-use");
	if (m->allow_unsigned)
		add(out, "--allow-unsigned");
	add_option(out, "--user", m->user);
	add_option(out, "--stall", m->stall);
	if (m->foreground)
		add(out, "--foreground");
	if (m->o->allow_swap)
		add(out, "--allow-swap");
	if (m->o->json)
		add(out, "--json");
	if (m->o->quiet)
		add(out, "--quiet");
	for (size_t i = 0; i < operands->before; i++)
		add(out, operands->items[i]);
	if (operands->before < operands->count)
		add(out, "--");
	for (size_t i = operands->before; i < operands->count; i++)
		add(out, operands->items[i]);
	return 0;
}

static int
check_arguments(const struct mount *m, const struct options_operands *operands)
{
	const char *vault;
	struct ref ref;
	int r;

	if ((r = options_vault(m->o, &vault)) != 0)
		return r;
	if (operands->before < 2)
		return options_wrong(m->o,
		    "it takes at least one reference and the mountpoint");
	if (operands->divided && operands->count == operands->before)
		return options_wrong(m->o, "which COMMAND? None is behind --");
	if (operands->divided && operands->items[operands->before][0] == '\0')
		return options_wrong(m->o, "the COMMAND behind -- is empty");
	for (size_t i = 0; i + 1 < operands->before; i++)
		if ((r = chain_reference(operands->items[i], &ref)) != 0)
			return r;
	return 0;
}

int
cmd_mount(struct options *o, int argc, char **argv)
{
	struct mount m = { .o = o };
	const struct options_own own[] = {
		{ "user", 0, OPTIONS_TEXT, &m.user },
		{ "stall", 0, OPTIONS_TEXT, &m.stall },
		{ "foreground", 'f', OPTIONS_FLAG, &m.foreground },
		{ "trust", 0, OPTIONS_LIST, &m.trust },
		{ "trust-on-first-use", 0, OPTIONS_FLAG, &m.first_use },
		{ "allow-unsigned", 0, OPTIONS_FLAG, &m.allow_unsigned },
		OPTIONS_END,
	};
	struct options_operands operands;
	struct arguments a = { 0 };
	OWNED_MEM(char) program = NULL;
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0 ||
	    (r = check_arguments(&m, &operands)) != 0 ||
	    (r = make_arguments(&m, &operands, &a)) != 0)
		return r;

	program = tools_find("weir-mount");
	if (program == NULL)
		r = log_err(ERR_NOT_FOUND,
		    "weir-mount is neither beside weir nor in " WEIR_LIBEXECDIR
		    ": install it");
	else {
		execv(program, a.items);
		r = log_sys("exec '%s'", program);
	}
	free(a.items);
	return r;
}
