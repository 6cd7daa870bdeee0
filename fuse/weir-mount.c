/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fuse/launch.h"
#include "fuse/monitor.h"
#include "fuse/worker.h"
#include "keys/msg.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/ref.h"
#include "vault/secret.h"
#include "vault/swap.h"

#define WEIR_VERSION "0.1"
#define STALL_DEFAULT_S 60
#define STALL_MAX_S 86400

static const char usage[] =
    "usage: weir-mount [-V DIR] [options] REF... MOUNTPOINT [-- COMMAND...]\n"
    "\n"
    "Make versions readable at MOUNTPOINT/MODEL/CHANNEL/ and\n"
    "MOUNTPOINT/MODEL/@VERSION/.  REF is MODEL:CHANNEL or MODEL@DIGEST, and\n"
    "what it stands for must be signed as the pinned trust root says.\n"
    "\n"
    "  -V, --vault DIR           the vault (or WEIR_VAULT)\n"
    "      --passphrase-file F   what unlocks it, where a keyd must be "
    "started\n"
    "      --key-file F\n"
    "      --trust FILE          a trust root that is pinned; may be "
    "repeated\n"
    "      --trust-on-first-use  take keyd's word for the trust root, once\n"
    "      --allow-unsigned      MODEL@DIGEST that nobody has signed, too\n"
    "      --user NAME           mount for this user (as root)\n"
    "  -f, --foreground          stay until unmounted\n"
    "      --stall SECONDS       how long reads wait for keyd or the store "
    "(60)\n"
    "      --allow-swap          mount beside swap that is not encrypted\n"
    "      --json                print one object when the mount stands\n"
    "  -q, --quiet               do not say that it stands\n"
    "  -- COMMAND...             run COMMAND with WEIR_MOUNTPOINT set; "
    "unmount\n"
    "                            when it ends, and exit as it did\n"
    "  -h, --help\n"
    "      --version\n"
    "\n"
    "Unmount with weir umount MOUNTPOINT.  See weir-mount(8).\n";

enum {
	OPT_PASSPHRASE = 256,
	OPT_KEY,
	OPT_TRUST,
	OPT_FIRST_USE,
	OPT_UNSIGNED,
	OPT_USER,
	OPT_STALL,
	OPT_ALLOW_SWAP,
	OPT_JSON,
	OPT_VERSION
};

static const struct option options[] = {
	{ "vault", required_argument, NULL, 'V' },
	{ "passphrase-file", required_argument, NULL, OPT_PASSPHRASE },
	{ "key-file", required_argument, NULL, OPT_KEY },
	{ "trust", required_argument, NULL, OPT_TRUST },
	{ "trust-on-first-use", no_argument, NULL, OPT_FIRST_USE },
	{ "allow-unsigned", no_argument, NULL, OPT_UNSIGNED },
	{ "user", required_argument, NULL, OPT_USER },
	{ "foreground", no_argument, NULL, 'f' },
	{ "stall", required_argument, NULL, OPT_STALL },
	{ "allow-swap", no_argument, NULL, OPT_ALLOW_SWAP },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

/* What an option made of it, besides errors. */
enum { GO_ON = 0, ALL_DONE = 1 };

static int
wrong(const char *text)
{
	return log_err(ERR_USAGE, "%s; see weir-mount --help", text);
}

static int
parse_stall(uint32_t *out, const char *text)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 ||
	    n < 1 || n > STALL_MAX_S)
		return wrong("--stall takes 1 to 86400 seconds");
	*out = (uint32_t)n * 1000;
	return 0;
}

static int
add_trust(struct monitor_how *how, const char *file)
{
	if (how->trust.trust_count == MONITOR_TRUST_MAX)
		return wrong("at most 32 files go with --trust");
	how->trust_files[how->trust.trust_count++] = file;
	how->trust.trust_files = how->trust_files;
	return GO_ON;
}

static int
take_option(struct monitor_how *how, int c)
{
	switch (c) {
	case 'V':
		how->vault = optarg;
		break;
	case OPT_PASSPHRASE:
		how->unlock.passphrase_file = optarg;
		break;
	case OPT_KEY:
		how->unlock.key_file = optarg;
		break;
	case OPT_TRUST:
		return add_trust(how, optarg);
	case OPT_FIRST_USE:
		how->trust.first_use = true;
		break;
	case OPT_UNSIGNED:
		how->trust.allow_unsigned = true;
		break;
	case OPT_USER:
		how->user = optarg;
		break;
	case 'f':
		how->foreground = true;
		break;
	case OPT_STALL:
		return parse_stall(&how->stall_ms, optarg);
	case OPT_ALLOW_SWAP:
		swap_allow();
		break;
	case OPT_JSON:
		how->json = true;
		break;
	case 'q':
		how->quiet = true;
		break;
	case 'h':
		return fputs(usage, stdout) < 0 ? ERR_IO : ALL_DONE;
	case OPT_VERSION:
		return puts("weir-mount " WEIR_VERSION) < 0 ? ERR_IO : ALL_DONE;
	default:
		return ERR_USAGE; /* getopt has said why */
	}
	return GO_ON;
}

/* Cut argv at "--"; what stands behind is the command. */
static int
cut_command(struct monitor_how *how, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") != 0)
			continue;
		how->command = &argv[i + 1];
		argv[i] = NULL;
		return i;
	}
	return argc;
}

static int
take_operands(struct monitor_how *how, int count, char **items)
{
	struct ref ref;

	if (count < 2)
		return wrong("it takes at least one reference and the "
			     "mountpoint");
	if (count - 1 > MSG_VERSIONS_MAX)
		return wrong("at most 256 references go into one mount");
	how->refs = items;
	how->count = (uint16_t)(count - 1);
	how->mountpoint = items[count - 1];
	for (uint16_t i = 0; i < how->count; i++)
		if (chain_reference(items[i], &ref) != 0)
			return ERR_USAGE;
	if (how->vault == NULL)
		how->vault = getenv("WEIR_VAULT");
	if (how->vault == NULL || how->vault[0] == '\0')
		return wrong("which vault? -V DIR, or WEIR_VAULT");
	return GO_ON;
}

/* 0 to mount, ALL_DONE, or an error. */
static int
parse(struct monitor_how *how, int argc, char **argv)
{
	int c, r;

	argc = cut_command(how, argc, argv);
	if (how->command != NULL &&
	    (how->command[0] == NULL || how->command[0][0] == '\0'))
		return wrong("which command? None is behind --");
	while ((c = getopt_long(argc, argv, "V:fqh", options, NULL)) != -1) {
		r = take_option(how, c);
		if (r != GO_ON)
			return r;
	}
	return take_operands(how, argc - optind, argv + optind);
}

/* A mount that stays has no working directory to look from.  The path lives as
 * long as the process. */
static int
make_absolute(const char **path)
{
	char here[PATH_MAX], *whole;

	if (*path == NULL || (*path)[0] == '/')
		return 0;
	if (getcwd(here, sizeof(here)) == NULL)
		return log_sys("getcwd");
	if (asprintf(&whole, "%s/%s", here, *path) < 0)
		return ERR_NOMEM;
	*path = whole;
	return 0;
}

static int
make_variable_absolute(const char *name)
{
	const char *path = getenv(name);
	int err = path != NULL && path[0] != '\0' ? make_absolute(&path) : 0;

	if (err == 0 && path != NULL && setenv(name, path, 1) != 0)
		err = ERR_NOMEM;
	return err;
}

static int
make_paths_absolute(struct monitor_how *how)
{
	int err = make_absolute(&how->vault);

	if (err == 0)
		err = make_absolute(&how->unlock.passphrase_file);
	if (err == 0)
		err = make_absolute(&how->unlock.key_file);
	for (size_t i = 0; err == 0 && i < how->trust.trust_count; i++)
		err = make_absolute(&how->trust_files[i]);
	if (err == 0)
		err = make_variable_absolute("WEIR_PASSPHRASE_FILE");
	if (err == 0)
		err = make_variable_absolute("WEIR_KEY_FILE");
	if (err == 0)
		err = make_variable_absolute("WEIR_STATE_DIR");
	if (err == 0)
		err = make_variable_absolute("WEIR_TRUST_DIR");
	return err;
}

int
main(int argc, char **argv)
{
	struct monitor_how how = { .stall_ms = STALL_DEFAULT_S * 1000 };
	int r;

	log_init("weir-mount");
	if (argc == 2 && strcmp(argv[1], LAUNCH_WORKER) == 0)
		return worker_main(LAUNCH_CONTROL_FD);
	r = parse(&how, argc, argv);
	if (r != GO_ON)
		return r == ALL_DONE ? 0 : err_exit(r);
	r = make_paths_absolute(&how);
	if (r == 0 && getrlimit(RLIMIT_CORE, &how.core) != 0)
		r = log_sys("getrlimit");
	if (r == 0)
		r = secret_init();
	if (r == 0)
		r = swap_check();
	return r != 0 ? err_exit(r) : monitor_run(&how);
}
