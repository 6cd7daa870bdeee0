/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/out.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/secret.h"

/* The one thing that a signal handler and a command share. */
static volatile bool stop;

/* How long a command may take to end after it was asked to.  A keyd that hangs
 * would hold it for good. */
#define STOP_SECONDS 10

static void
on_signal(int number)
{
	(void)number;
	stop = true;
	alarm(STOP_SECONDS);
}

/* A command may be killed anywhere: what it left can be run again. */
static void
on_alarm(int number)
{
	static const char line[] =
	    "weir: interrupted, and ended in the middle: something that it "
	    "waits for does not answer; see: weir status\n";

	(void)number;
	(void)!write(STDERR_FILENO, line, sizeof(line) - 1);
	_exit(CMD_INTERRUPTED);
}

/* The first SIGINT asks the command to end, the second one ends it, and so does
 * time. */
static void
catch_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal,
		.sa_flags = (int)(SA_RESTART | SA_RESETHAND) };

	sigemptyset(&sa.sa_mask);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sa.sa_handler = on_alarm;
	sigaction(SIGALRM, &sa, NULL);
}

/* --help anywhere before a "--" wins over whatever else is wrong. */
static bool
wants_help(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 ||
		    strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

static int
run(struct options *o, int argc, char **argv)
{
	char program[32];
	const struct commands_row *c;
	int words, r;

	c = commands_find(argc, argv, &words);
	if (c == NULL && wants_help(argc, argv) &&
	    commands_list(stdout, argv[0]))
		return 0;
	if (c == NULL)
		return commands_unknown(argc, argv);
	if (wants_help(argc, argv)) {
		commands_usage(c);
		return 0;
	}

	snprintf(program, sizeof(program), "weir %s", c->name);
	o->program = program;
	o->usage = c->usage;
	o->least = c->least;
	o->most = c->most;
	if (c->stops)
		catch_signals();
	r = c->run(o, argc - (words - 1), argv + (words - 1));
	o->program = NULL;
	return r;
}

int
main(int argc, char **argv)
{
	struct options o;
	int next, r;

	log_init("weir");
	if (secret_init() != 0)
		return CMD_FAILED;
	options_init(&o, &stop);
	if ((r = options_globals(&o, argc, argv, &next)) != 0)
		return err_exit(r);
	if (o.help || (next == argc && !o.version)) {
		commands_help(o.help ? stdout : stderr);
		if (!o.help)
			return err_exit(ERR_USAGE);
		return out_flush() != 0 ? CMD_FAILED : 0;
	}

	r = o.version ? cmd_version_print(&o) :
			run(&o, argc - next, argv + next);
	if (r == ERR_NOMEM)
		log_error("out of memory");
	if (out_flush() != 0 && r == 0)
		return CMD_FAILED;
	return r < 0 ? err_exit(r) : r;
}
