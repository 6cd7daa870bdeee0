/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "keys/announce.h"
#include "keys/broker.h"
#include "keys/catalogue.h"
#include "keys/courier.h"
#include "keys/front.h"
#include "keys/keyring.h"
#include "keys/keyring_start.h"
#include "keys/lookout.h"
#include "keys/peer.h"
#include "keys/unlock.h"
#include "keys/vaultdir.h"
#include "keys/verifier.h"
#include "keys/watchfile.h"
#include "vault/clock.h"
#include "vault/err.h"
#include "vault/file.h"
#include "vault/log.h"
#include "vault/secret.h"
#include "vault/store.h"
#include "vault/swap.h"
#include "vault/trail.h"

#define VERSION "0.1"
#define FIRST_FD 3
#define DELIVER_MS 3000 /* for what is new when keyd stops */

struct options {
	const char *vault;
	struct unlock_source unlock;
	bool allow_swap;
	bool embedded;
	int fd;
	int secret_fd;
	int listener; /* the service manager's; -1: there is none */
	bool help;
	bool version;
};

static const char usage[] =
    "usage: weir-keyd --vault DIR [--key-file FILE | --passphrase-file FILE]\n"
    "\n"
    "Serve the vault at DIR: hold its keys, decide who is given which, and\n"
    "record it.  In the foreground; see weir-keyd(8).\n"
    "\n"
    "  -V, --vault DIR             the vault; or WEIR_VAULT\n"
    "      --key-file FILE         unlock with a key file\n"
    "      --passphrase-file FILE  unlock with a passphrase\n"
    "      --no-prompt             never ask on the terminal\n"
    "      --allow-swap            run beside swap that is not encrypted\n"
    "  -h, --help\n"
    "      --version\n"
    "\n"
    "weir and weir-mount start one for a single user by --embedded --fd N\n"
    "--secret-fd N.\n";

enum {
	OPT_KEY = 256,
	OPT_PASSPHRASE,
	OPT_NO_PROMPT,
	OPT_ALLOW_SWAP,
	OPT_EMBEDDED,
	OPT_FD,
	OPT_SECRET_FD,
	OPT_VERSION
};

static const struct option longs[] = {
	{ "vault", required_argument, NULL, 'V' },
	{ "key-file", required_argument, NULL, OPT_KEY },
	{ "passphrase-file", required_argument, NULL, OPT_PASSPHRASE },
	{ "no-prompt", no_argument, NULL, OPT_NO_PROMPT },
	{ "allow-swap", no_argument, NULL, OPT_ALLOW_SWAP },
	{ "embedded", no_argument, NULL, OPT_EMBEDDED },
	{ "fd", required_argument, NULL, OPT_FD },
	{ "secret-fd", required_argument, NULL, OPT_SECRET_FD },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

/* An open descriptor that is not one of the first three. */
static int
parse_fd(int *out, const char *text)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || n < FIRST_FD ||
	    n > 1 << 20 || fcntl((int)n, F_GETFD) < 0)
		return log_err(ERR_USAGE, "'%s' is no open descriptor", text);
	*out = (int)n;
	return 0;
}

static int
take_option(struct options *o, int option)
{
	switch (option) {
	case 'V':
		o->vault = optarg;
		return 0;
	case 'h':
		o->help = true;
		return 0;
	case OPT_VERSION:
		o->version = true;
		return 0;
	case OPT_KEY:
		o->unlock.key_file = optarg;
		return 0;
	case OPT_PASSPHRASE:
		o->unlock.passphrase_file = optarg;
		return 0;
	case OPT_NO_PROMPT:
		o->unlock.no_prompt = true;
		return 0;
	case OPT_ALLOW_SWAP:
		o->allow_swap = true;
		return 0;
	case OPT_EMBEDDED:
		o->embedded = true;
		return 0;
	case OPT_FD:
		return parse_fd(&o->fd, optarg);
	case OPT_SECRET_FD:
		return parse_fd(&o->secret_fd, optarg);
	}
	return ERR_USAGE; /* getopt has said why */
}

static int
parse_options(struct options *o, int argc, char **argv)
{
	int option, err = 0;

	*o = (struct options){ .fd = -1, .secret_fd = -1, .listener = -1 };
	o->vault = getenv("WEIR_VAULT");
	while (err == 0 &&
	    (option = getopt_long(argc, argv, "V:h", longs, NULL)) != -1)
		err = take_option(o, option);
	if (err != 0 || o->help || o->version)
		return err;
	if (optind < argc)
		return log_err(ERR_USAGE, "'%s' is one argument too many",
		    argv[optind]);
	if (o->vault == NULL || *o->vault == '\0')
		return log_err(ERR_USAGE, "which vault?  --vault DIR");
	if (o->embedded != (o->fd >= 0) || o->embedded != (o->secret_fd >= 0) ||
	    (o->embedded && o->fd == o->secret_fd))
		return log_err(ERR_USAGE,
		    "--embedded goes with --fd and --secret-fd");
	return 0;
}

/* What a running keyd is made of; let go of in the order of keyd_clear. */
struct keyd {
	const struct options *o;
	struct vaultdir *vault;
	struct file *lock;
	struct keyring *keyring;
	struct catalogue *catalogue;
	struct trail *trail;
	struct store *store;
	struct watchfile watch;
	struct lookout *lookout;
	struct courier *courier;
	struct front *front;
	struct broker *broker;
};

static void
keyd_clear(struct keyd *k)
{
	if (k->front != NULL)
		front_close(k->front);
	broker_free(k->broker);
	lookout_free(k->lookout);
	courier_free(k->courier);
	trail_free(k->trail);
	catalogue_free(k->catalogue);
	store_free(k->store);
	front_free(k->front);
	keyring_free(k->keyring);
	/* Last: who gets it next finds everything closed. */
	file_free(k->lock);
	vaultdir_free(k->vault);
}

static int
to_null(int fd, int flags)
{
	OWNED_FD null = open("/dev/null", flags | O_CLOEXEC);

	if (null < 0 || dup2(null, fd) < 0)
		return log_sys("redirect to /dev/null");
	return 0;
}

/*
 * A session of its own, and nothing of the caller's held open: neither its
 * terminal nor the pipe that somebody waits on.  stderr stays until all is
 * well.
 */
static int
detach(const struct options *o)
{
	int low = o->fd < o->secret_fd ? o->fd : o->secret_fd;
	int high = o->fd < o->secret_fd ? o->secret_fd : o->fd;
	int err;

	if (setsid() < 0 && errno != EPERM)
		return log_sys("setsid");
	if (chdir("/") != 0)
		return log_sys("chdir to /");
	/* They are told of the service that we may be part of. */
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	err = to_null(STDIN_FILENO, O_RDONLY);
	if (err == 0)
		err = to_null(STDOUT_FILENO, O_WRONLY);
	if (err != 0)
		return err;
	if ((low > FIRST_FD &&
		close_range(FIRST_FD, (unsigned int)low - 1, 0) != 0) ||
	    (high > low + 1 &&
		close_range((unsigned int)low + 1, (unsigned int)high - 1, 0) !=
		    0) ||
	    close_range((unsigned int)high + 1, ~0U, 0) != 0)
		return log_sys("close inherited descriptors");
	if (fcntl(o->fd, F_SETFD, FD_CLOEXEC) < 0 ||
	    fcntl(o->secret_fd, F_SETFD, FD_CLOEXEC) < 0)
		return log_sys("set close-on-exec");
	return 0;
}

/* As many descriptors and as much locked memory as we are allowed. */
static void
raise_limits(void)
{
	static const int limits[] = { RLIMIT_NOFILE, RLIMIT_MEMLOCK };

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit r;

		if (getrlimit((__rlimit_resource_t)limits[i], &r) != 0)
			continue;
		if (r.rlim_cur == r.rlim_max)
			continue; /* a unit may forbid the call */
		r.rlim_cur = r.rlim_max;
		if (setrlimit((__rlimit_resource_t)limits[i], &r) != 0)
			log_warn("a resource limit cannot be raised");
	}
}

/* The socket that a service manager listens on for us, before there are
 * threads that read the environment. */
static int
inherit(struct options *o)
{
	int n = sd_listen_fds(1);

	if (n < 0)
		return log_err(ERR_USAGE, "LISTEN_FDS is not understood");
	if (n > 1)
		return log_err(ERR_USAGE,
		    "%d sockets were handed over: one is what is needed", n);
	if (n == 1)
		o->listener = SD_LISTEN_FDS_START;
	return 0;
}

/* The vault, and the right to be its only keyd. */
static int
claim(struct keyd *k)
{
	char owner[PEER_SIZE];
	int err = vaultdir_open(&k->vault, k->o->vault);

	if (err != 0)
		return err;
	if (k->vault->owner != geteuid())
		return log_err(ERR_DENIED,
		    "'%s' belongs to %s: start weir-keyd as that user",
		    k->vault->path,
		    peer_principal(k->vault->owner, owner) + strlen("user:"));
	err = vaultdir_lock(&k->lock, k->vault->dir);
	if (err == ERR_CONFLICT && !k->o->embedded)
		return log_err(err, "another weir-keyd serves '%s'",
		    k->vault->path);
	return err;
}

static int
unlock(struct keyd *k)
{
	struct unlock_source from = k->o->unlock;
	OWNED_UNLOCK secret = { 0 };
	struct note_key key;
	int err;

	from.unit = unlock_unit(k->vault->path);
	if (k->o->embedded)
		err = unlock_receive(&secret, k->o->secret_fd);
	else
		err = unlock_load(&secret, &from, false);
	if (k->o->embedded)
		close(k->o->secret_fd);
	if (err == 0)
		err = keyring_open(k->vault->dir, &secret, &k->keyring);
	if (err == 0)
		err = note_key_of(&key, k->vault->key.name,
		    k->keyring->log_seed);
	if (err != 0)
		return err;
	if (memcmp(k->keyring->vault, k->vault->id, sizeof(k->vault->id)) !=
		0 ||
	    memcmp(key.public_key, k->vault->key.public_key,
		sizeof(key.public_key)) != 0)
		return log_err(ERR_INTEGRITY,
		    "'%s': " VAULTDIR_JSON " and keyring are not of one vault",
		    k->vault->path);
	return 0;
}

static int
open_records(struct keyd *k)
{
	OWNED_MEM(char) catalogue = NULL;
	OWNED_MEM(char) objects = NULL;
	struct trail_open how = {
		.vault = k->vault->dir,
		.key = &k->vault->key,
		.seed = k->keyring->log_seed,
		.each = catalogue_replay,
	};
	int err;

	catalogue = vaultdir_path(k->vault, VAULTDIR_CATALOGUE);
	objects = vaultdir_path(k->vault, VAULTDIR_OBJECTS);
	if (catalogue == NULL || objects == NULL)
		return ERR_NOMEM;
	err = store_dir_open(&k->store, objects);
	if (err == 0)
		err = catalogue_open(&k->catalogue, catalogue);
	if (err != 0)
		return err;
	memcpy(how.id.bytes, k->vault->id, sizeof(how.id.bytes));
	how.from = catalogue_applied(k->catalogue);
	how.arg = k->catalogue;
	err = trail_open(&k->trail, &how);
	if (err == 0)
		err = catalogue_flush(k->catalogue);
	return err == 0 ?
	    keyring_start_settle(k->vault, k->catalogue, k->keyring) :
	    err;
}

static int
open_courier(struct keyd *k)
{
	struct courier_how how = {
		.vault = k->vault,
		.rules = k->watch.deliver,
		.last = catalogue_next(k->catalogue, CATALOGUE_ALERT) - 1,
	};

	return courier_new(&k->courier, &how);
}

/* What looks at the trail, and takes alerts elsewhere. */
static int
open_watch(struct keyd *k)
{
	struct lookout_how lookout = {
		.vault = k->vault,
		.rules = &k->watch.rules,
		.seen = catalogue_watched(k->catalogue),
		.from = catalogue_applied(k->catalogue),
		.lazy = k->o->embedded,
	};
	int err;

	if (watchfile_load(&k->watch, k->vault) != 0) {
		log_error(
		    "'%s/" WATCHFILE "' is not used: %s; the watch goes "
		    "by its defaults, and alerts are delivered nowhere; "
		    "mend it, weir watch check FILE, and reload weir-keyd "
		    "(SIGHUP)",
		    k->vault->path, watchfile_why(&k->watch));
		announce_watchfile(k->vault->path, k->watch.state);
	}
	front_lookout(k->front, &lookout);
	err = lookout_new(&k->lookout, &lookout);
	return err == 0 ? open_courier(k) : err;
}

/* --- SIGHUP --- */

/* The old one has ended first: they have the same queues. */
static int
change_courier(struct keyd *k)
{
	int err = broker_watch_courier(k->broker, NULL);

	courier_free(k->courier);
	k->courier = NULL;
	if (err == 0)
		err = open_courier(k);
	return err == 0 ? broker_watch_courier(k->broker, k->courier) : err;
}

static int
take_rules(struct keyd *k, const struct watchfile *w)
{
	int err = broker_watch_rules(k->broker, w->state, &w->rules);

	if (err != 0)
		return err;
	k->watch = *w;
	return change_courier(k);
}

/* One that is wrong changes nothing but the trail, which says so. */
static int
refuse_rules(struct keyd *k, const struct watchfile *w)
{
	log_error("'%s/" WATCHFILE "' is not used: %s; the rules that there "
		  "were stay; mend it: weir watch check FILE",
	    k->vault->path, watchfile_why(w));
	announce_watchfile(k->vault->path, w->state);
	return broker_watch_rules(k->broker, w->state, NULL);
}

static void
reload(void *arg)
{
	struct keyd *k = arg;
	struct watchfile w;
	int err;

	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)clock_ms() * 1000);
	err = watchfile_load(&w, k->vault) == 0 ? take_rules(k, &w) :
						  refuse_rules(k, &w);
	sd_notify(0, "READY=1");
	if (err != 0)
		log_error("'%s/" WATCHFILE "' was not taken in full (%s): "
			  "reload once more, or start weir-keyd again",
		    k->vault->path, err_text(err));
}

static int
open_broker(struct keyd *k)
{
	struct broker_how how = {
		.vault = k->vault,
		.keyring = k->keyring,
		.catalogue = k->catalogue,
		.trail = k->trail,
		.store = k->store,
		.lookout = k->lookout,
		.courier = k->courier,
		.rules = k->watch.state,
		.program = VERSION,
		.service = !k->o->embedded,
		.own_uid = geteuid(),
	};
	int err;

	const struct front_door door = { .service = how.service,
		.handed = k->o->listener };

	front_connect(k->front, &how);
	err = broker_new(&k->broker, &how);
	if (err == 0)
		err = front_listen(k->front, k->vault->dir, &door);
	if (err == 0 && k->o->embedded)
		err = front_adopt(k->front, k->broker, k->o->fd);
	return err;
}

static int
start(struct keyd *k)
{
	int err = claim(k);

	if (err == 0)
		err = unlock(k);
	/* Signals are blocked before the trail's threads are there. */
	if (err == 0)
		err = front_new(&k->front, k->vault->path);
	if (err == 0)
		err = open_records(k);
	if (err == 0)
		err = open_watch(k);
	if (err == 0)
		err = open_broker(k);
	return err;
}

/* Whoever runs it by hand wants to see that it runs; a service manager is told
 * another way. */
static bool
by_hand(const struct options *o)
{
	return !o->embedded && getenv("NOTIFY_SOCKET") == NULL;
}

/* Nobody hears what an embedded keyd would still say on stderr, and whoever
 * waits for its end of file must not wait for us. */
static int
ready(const struct keyd *k)
{
	sd_notify(0, "READY=1");
	if (by_hand(k->o))
		log_info("serves '%s' until it is interrupted", k->vault->path);
	if (!k->o->embedded)
		return 0;
	log_sink(announce_line, NULL);
	return to_null(STDERR_FILENO, O_WRONLY);
}

static int
run(struct options *o)
{
	__attribute__((cleanup(keyd_clear))) struct keyd k = { .o = o };
	int err, stopped;

	err = secret_init();
	if (err == 0 && !o->allow_swap)
		err = swap_check();
	if (err == 0)
		err = o->embedded ? detach(o) : inherit(o);
	if (err != 0)
		return err;
	raise_limits();
	err = start(&k);
	if (err == 0)
		front_on_reload(k.front, reload, &k);
	if (err == 0)
		err = ready(&k);
	if (err == ERR_INTEGRITY)
		announce_failed(o->vault, err);
	if (err != 0)
		return err;
	err = front_run(k.front, k.broker, o->embedded);
	sd_notify(0, "STOPPING=1");
	/* In any case: who waits is told that it failed. */
	stopped = broker_stop(k.broker);
	courier_settle(k.courier, DELIVER_MS);
	if (err == 0)
		err = stopped;
	if (err != 0)
		announce_failed(k.vault->path, err);
	else if (by_hand(o))
		log_info("no longer serves '%s'", k.vault->path);
	return err;
}

int
main(int argc, char **argv)
{
	struct options o;
	int err;

	log_init("weir-keyd");
	if (argc == 2 && strcmp(argv[1], VERIFIER_WORD) == 0)
		return err_exit(verifier_child());
	err = parse_options(&o, argc, argv);
	if (err != 0) {
		fprintf(stderr, "Try 'weir-keyd --help'.\n");
		return err_exit(err);
	}
	if (o.help)
		fputs(usage, stdout);
	else if (o.version)
		puts("weir-keyd " VERSION);
	else
		err = run(&o);
	return err_exit(err);
}
