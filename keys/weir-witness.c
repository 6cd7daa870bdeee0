/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "keys/notary.h"
#include "vault/clock.h"
#include "vault/err.h"
#include "vault/file.h"
#include "vault/log.h"
#include "vault/secret.h"
#include "vault/witness.h"

#define VERSION "0.1"
#define LISTEN "127.0.0.1:7420"

struct options {
	const char *name;
	const char *key;
	const char *policy;
	const char *state;
	const char *listen;
	const char *prefix;
	bool help;
	bool version;
};

static const char usage[] =
    "usage: weir-witness keygen --name NAME --key FILE\n"
    "       weir-witness vkey --key FILE\n"
    "       weir-witness serve --key FILE --policy FILE --state DIR\n"
    "                    [--listen ADDRESS:PORT] [--prefix /PATH]\n"
    "\n"
    "Cosign the checkpoints of the logs in the policy, each only if it\n"
    "extends the one before.  On a machine that those who run the logs do not\n"
    "run; see weir-witness(8).\n"
    "\n"
    "  --name NAME    what the witness is called: a URL without its scheme\n"
    "  --key FILE     its secret key, mode 0600\n"
    "  --policy FILE  lines 'log VKEY', and a quorum\n"
    "  --state DIR    where the last checkpoints are kept\n"
    "  --listen ADDRESS:PORT  " LISTEN " unless given\n"
    "  --prefix /PATH before /add-checkpoint\n"
    "  -h, --help\n"
    "      --version\n";

enum {
	OPT_NAME = 256,
	OPT_KEY,
	OPT_POLICY,
	OPT_STATE,
	OPT_LISTEN,
	OPT_PREFIX,
	OPT_VERSION
};

static const struct option longs[] = {
	{ "name", required_argument, NULL, OPT_NAME },
	{ "key", required_argument, NULL, OPT_KEY },
	{ "policy", required_argument, NULL, OPT_POLICY },
	{ "state", required_argument, NULL, OPT_STATE },
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "prefix", required_argument, NULL, OPT_PREFIX },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static int
take_option(struct options *o, int option)
{
	switch (option) {
	case OPT_NAME:
		o->name = optarg;
		return 0;
	case OPT_KEY:
		o->key = optarg;
		return 0;
	case OPT_POLICY:
		o->policy = optarg;
		return 0;
	case OPT_STATE:
		o->state = optarg;
		return 0;
	case OPT_LISTEN:
		o->listen = optarg;
		return 0;
	case OPT_PREFIX:
		o->prefix = optarg;
		return 0;
	case 'h':
		o->help = true;
		return 0;
	case OPT_VERSION:
		o->version = true;
		return 0;
	}
	return ERR_USAGE; /* getopt has said why */
}

static uint64_t
now(void)
{
	int64_t ms = clock_wall_ms();

	return ms > 0 ? (uint64_t)ms / 1000 : 0;
}

static int
print_key(const struct note_key *k)
{
	OWNED_MEM(char) vkey = note_key_text(k);

	if (vkey == NULL)
		return ERR_NOMEM;
	printf("%s\n", vkey);
	return fflush(stdout) == 0 ? 0 : log_sys("write the verifier key");
}

static int
keygen(const struct options *o)
{
	struct note_key k;
	int err;

	if (o->name == NULL || o->key == NULL)
		return log_err(ERR_USAGE, "keygen --name NAME --key FILE");
	err = notary_key_make(&k, o->key, o->name);
	return err != 0 ? err : print_key(&k);
}

static int
vkey(const struct options *o)
{
	OWNED(sign_key) seed = NULL;
	struct note_key k;
	int err;

	if (o->key == NULL)
		return log_err(ERR_USAGE, "vkey --key FILE");
	err = notary_key_load(&k, &seed, o->key);
	return err != 0 ? err : print_key(&k);
}

static int
load_policy(struct witness_policy **out, const char *path)
{
	OWNED_MEM(uint8_t) text = NULL;
	char why[WITNESS_WHY];
	size_t n;
	int err;

	err = file_load(NULL, path, WITNESS_POLICY_MAX, &text, &n);
	if (err == ERR_NOT_FOUND)
		return log_err(err,
		    "there is no policy '%s': it has a line 'log VKEY' for "
		    "each log (vkey of weir audit checkpoint --json), and one "
		    "'quorum none'",
		    path);
	if (err != 0)
		return err;
	err = witness_policy_parse(out, (const char *)text, n, why);
	return err == 0 ? 0 : log_err(err, "'%s', %s", path, why);
}

/* Until somebody says that it is enough. */
static int
serve(const struct options *o)
{
	OWNED(witness_policy) policy = NULL;
	OWNED(sign_key) seed = NULL;
	OWNED(notary) notary = NULL;
	OWNED(notary_http) http = NULL;
	struct note_key key;
	struct notary_how how = { .directory = o->state, .now = now };
	struct notary_http_how serving = {
		.listen = o->listen != NULL ? o->listen : LISTEN,
		.prefix = o->prefix != NULL ? o->prefix : "",
	};
	const struct timespec second = { .tv_sec = 1 };
	sigset_t signals;
	int err;

	if (o->key == NULL || o->policy == NULL || o->state == NULL)
		return log_err(ERR_USAGE,
		    "serve --key FILE --policy FILE --state DIR");
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	err = load_policy(&policy, o->policy);
	if (err == 0)
		err = notary_key_load(&key, &seed, o->key);
	how.policy = policy;
	how.key = &key;
	how.seed = seed;
	if (err == 0)
		err = notary_new(&notary, &how);
	serving.notary = notary;
	if (err == 0)
		err = notary_http_new(&http, &serving);
	if (err != 0)
		return err;
	log_info("'%s' listens on http://%s%s", key.name,
	    notary_http_where(http), serving.prefix);
	sd_notify(0, "READY=1");
	while (sigtimedwait(&signals, NULL, &second) < 0)
		notary_http_tick(http);
	sd_notify(0, "STOPPING=1");
	return notary_http_failed(http);
}

static int
run(const struct options *o, int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const struct options *o);
	} verbs[] = { { "keygen", keygen }, { "vkey", vkey },
		{ "serve", serve } };
	int err = secret_init();

	if (err != 0)
		return err;
	for (size_t i = 0; argc == 1 && i < sizeof(verbs) / sizeof(verbs[0]);
	     i++)
		if (strcmp(argv[0], verbs[i].name) == 0)
			return verbs[i].run(o);
	return log_err(ERR_USAGE, "say keygen, vkey or serve");
}

int
main(int argc, char **argv)
{
	struct options o = { 0 };
	int option, err = 0;

	log_init("weir-witness");
	log_level(2);
	while (err == 0 &&
	    (option = getopt_long(argc, argv, "h", longs, NULL)) != -1)
		err = take_option(&o, option);
	if (err == 0 && o.help)
		fputs(usage, stdout);
	else if (err == 0 && o.version)
		puts("weir-witness " VERSION);
	else if (err == 0)
		err = run(&o, argc - optind, argv + optind);
	if (err == ERR_USAGE)
		fprintf(stderr, "Try 'weir-witness --help'.\n");
	return err_exit(err);
}
