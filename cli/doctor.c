/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <linux/openat2.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cli/older.h"
#include "cli/out.h"
#include "cli/talk.h"
#include "cli/tools.h"
#include "keys/peer.h"
#include "keys/vaultdir.h"
#include "vault/err.h"
#include "vault/guarded.h"
#include "vault/log.h"
#include "vault/sandbox.h"
#include "vault/swap.h"

#define MEMLOCK_WANTED (8U << 20)
#define SPACE_WANTED (4ULL << 30)

const char *
doctor_state_name(enum doctor_state s)
{
	static const char *const names[] = { "ok", "warn", "fail" };

	return names[s];
}

static void say(struct doctor_finding *f, enum doctor_state state,
    const char *mend, const char *fmt, ...) PRINTF_LIKE(4, 5);

static void
say(struct doctor_finding *f, enum doctor_state state, const char *mend,
    const char *fmt, ...)
{
	va_list ap;

	f->state = state;
	snprintf(f->mend, sizeof(f->mend), "%s", mend);
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
}

/* What is to be done is not a command. */
static void
advise(struct doctor_finding *f, const char *advice)
{
	snprintf(f->advice, sizeof(f->advice), "%s", advice);
}

static void
look_kernel(struct doctor_finding *f)
{
	unsigned int major = 0, minor = 0;
	struct utsname u;
	char *dot;

	uname(&u);
	major = (unsigned int)strtoul(u.release, &dot, 10);
	if (*dot == '.')
		minor = (unsigned int)strtoul(dot + 1, NULL, 10);
	if (major < 5 || (major == 5 && minor < 13))
		say(f, DOCTOR_WARN, "",
		    "Linux %s is older than those weir is tested on",
		    u.release);
	else
		say(f, DOCTOR_OK, "", "Linux %s", u.release);
	if (f->state != DOCTOR_OK)
		advise(f, "boot a kernel of 5.13 or later");
}

static void
look_openat2(struct doctor_finding *f)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	OWNED_FD fd = (int)syscall(SYS_openat2, AT_FDCWD, ".", &how,
	    sizeof(how));

	if (fd >= 0) {
		say(f, DOCTOR_OK, "", "files are opened beneath one root");
		return;
	}
	say(f, DOCTOR_FAIL, "", "openat2: %s", strerrordesc_np(errno));
	advise(f, "boot a kernel of 5.6 or later");
}

static void
look_landlock(struct doctor_finding *f)
{
	int abi = sandbox_landlock();

	if (abi > 0) {
		say(f, DOCTOR_OK, "",
		    "a mount's worker opens objects and no other files "
		    "(Landlock ABI %d, of which it has: %s)",
		    abi, sandbox_landlock_has(abi));
		return;
	}
	say(f, DOCTOR_WARN, "",
	    "no Landlock: a mount's worker opens what files its user may");
	advise(f, "boot with lsm=landlock,... (see /sys/kernel/security/lsm)");
}

static void
look_seccomp(struct doctor_finding *f)
{
	if (access("/proc/sys/kernel/seccomp/actions_avail", F_OK) == 0) {
		say(f, DOCTOR_OK, "",
		    "a mount's worker, and what looks into new versions, have "
		    "few system calls");
		return;
	}
	say(f, DOCTOR_WARN, "", "no seccomp filters");
	advise(f, "boot a kernel with CONFIG_SECCOMP_FILTER");
}

static void
look_fuse(struct doctor_finding *f)
{
	OWNED_FD fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		say(f, DOCTOR_OK, "", "/dev/fuse can be opened");
	else if (errno == ENOENT || errno == ENODEV)
		say(f, DOCTOR_FAIL, "sudo modprobe fuse",
		    "there is no /dev/fuse: nothing can be mounted");
	else
		say(f, DOCTOR_FAIL, "sudo chmod 666 /dev/fuse", "/dev/fuse: %s",
		    strerrordesc_np(errno));
}

static void
look_fusermount(struct doctor_finding *f)
{
	OWNED_MEM(char) path = tools_in_path("fusermount3");
	struct stat st;

	if (geteuid() == 0)
		say(f, DOCTOR_OK, "", "root mounts without it");
	else if (path == NULL)
		say(f, DOCTOR_FAIL, "sudo apt-get install fuse3",
		    "fusermount3 is missing: only root can mount");
	else if (stat(path, &st) != 0 || (st.st_mode & S_ISUID) == 0 ||
	    st.st_uid != 0)
		say(f, DOCTOR_FAIL, "sudo apt-get install --reinstall fuse3",
		    "%s is not set-user-id root: only root can mount", path);
	else
		say(f, DOCTOR_OK, "", "%s", path);
}

/* Where udev runs and has weir's rule, it sets what only root may. */
static bool
udev_helps(void)
{
	static const char *const rules[] = {
		"/etc/udev/rules.d/60-weir.rules",
		"/usr/local/lib/udev/rules.d/60-weir.rules",
		"/usr/lib/udev/rules.d/60-weir.rules",
		"/lib/udev/rules.d/60-weir.rules",
	};

	if (access("/run/udev/control", F_OK) != 0)
		return false;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (access(rules[i], R_OK) == 0)
			return true;
	return false;
}

static void
look_readahead(struct doctor_finding *f)
{
	if (udev_helps() ||
	    (geteuid() == 0 && access("/sys/class/bdi", W_OK) == 0))
		say(f, DOCTOR_OK, "",
		    "mounts read as far ahead as their grant allows");
	else
		say(f, DOCTOR_WARN,
		    "sudo weir mount REF MOUNTPOINT --user NAME",
		    "only root, or udev with weir's 60-weir.rules, can set a "
		    "mount's read-ahead; at the kernel's 128 KiB loading is "
		    "slower");
}

static void
look_memlock(struct doctor_finding *f)
{
	struct rlimit l;
	char size[OUT_SIZE];

	if (getrlimit(RLIMIT_MEMLOCK, &l) != 0)
		say(f, DOCTOR_WARN, "", "memlock limit: %s",
		    strerrordesc_np(errno));
	else if (l.rlim_cur == RLIM_INFINITY || geteuid() == 0)
		say(f, DOCTOR_OK, "", "memory for keys can be locked");
	else if (l.rlim_cur < MEMLOCK_WANTED)
		say(f, DOCTOR_WARN,
		    "echo '* - memlock 8192' | sudo tee "
		    "/etc/security/limits.d/weir.conf",
		    "only %s may be locked; a large mount's keys need 8 MiB",
		    out_size(l.rlim_cur, size));
	else
		say(f, DOCTOR_OK, "", "%s may be locked for keys",
		    out_size(l.rlim_cur, size));
}

static void
look_swap(struct doctor_finding *f)
{
	char name[SWAP_NAME], mend[sizeof(f->mend)];

	if (!swap_find("", name)) {
		say(f, DOCTOR_OK, "", "no swap, or all of it encrypted");
		return;
	}
	snprintf(mend, sizeof(mend), "sudo swapoff %.200s", name);
	say(f, DOCTOR_WARN, mend,
	    "swap on %.128s is not encrypted: weir-keyd and mounts start with "
	    "--allow-swap only",
	    name);
	advise(f,
	    "or encrypt it: a line in /etc/crypttab with the option swap");
}

static void
look_keys(struct doctor_finding *f)
{
	if (guarded_probe() == GUARDED_SECRET) {
		say(f, DOCTOR_OK, "",
		    "keys lie in memfd_secret, which root cannot read either");
		return;
	}
	say(f, DOCTOR_WARN, "",
	    "keys lie in locked memory (mlock): there is no memfd_secret here, "
	    "or too little may be locked");
	advise(f,
	    "boot a kernel of 6.5 or later, or an older one with "
	    "secretmem.enable=1");
}

static void
look_cpu(struct doctor_finding *f)
{
	char *line = NULL;
	size_t size = 0;
	bool aes = false, sha = false;
	FILE *file = fopen("/proc/cpuinfo", "re");

	while (file != NULL && getline(&line, &size, file) > 0) {
		if (strncmp(line, "flags", 5) != 0 &&
		    strncmp(line, "Features", 8) != 0)
			continue;
		aes = strstr(line, " aes") != NULL;
		sha = strstr(line, " sha_ni") != NULL ||
		    strstr(line, " sha2") != NULL;
		break;
	}
	free(line);
	if (file != NULL)
		fclose(file);
	if (aes && sha) {
		say(f, DOCTOR_OK, "", "AES and SHA-256 in hardware");
		return;
	}
	say(f, DOCTOR_WARN, "", "the CPU has no instructions for %s%s%s",
	    aes ? "" : "AES", aes || sha ? "" : " and ", sha ? "" : "SHA-256");
	advise(f, "reading is slower here than on a host whose CPU has them");
}

static void
look_locale(struct doctor_finding *f)
{
	setlocale(LC_CTYPE, "");
	if (strcmp(nl_langinfo(CODESET), "UTF-8") == 0)
		say(f, DOCTOR_OK, "", "UTF-8");
	else
		say(f, DOCTOR_WARN, "export LC_ALL=C.UTF-8",
		    "the locale is %s: names of files beyond ASCII will look "
		    "wrong",
		    nl_langinfo(CODESET));
}

static void
look_programs(struct doctor_finding *f)
{
	OWNED_MEM(char) keyd = tools_find("weir-keyd");
	OWNED_MEM(char) mount = tools_find("weir-mount");

	if (keyd != NULL && mount != NULL)
		say(f, DOCTOR_OK, "", "weir-keyd and weir-mount are there");
	else
		say(f, DOCTOR_FAIL, "make install",
		    "%s is neither beside weir nor in " WEIR_LIBEXECDIR,
		    keyd == NULL ? "weir-keyd" : "weir-mount");
}

static void
look_files(struct doctor_finding *f, const struct vaultdir *v)
{
	static const char *const names[] = { "keyring", "epoch" };
	struct stat st;

	say(f, DOCTOR_OK, "", "the keyring is its owner's alone");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char mend[sizeof(f->mend)];

		snprintf(mend, sizeof(mend), "chmod 600 '%.200s/%s'", v->path,
		    names[i]);
		if (fstatat(v->dir->fd, names[i], &st, AT_SYMLINK_NOFOLLOW) !=
		    0) {
			say(f, DOCTOR_FAIL, "", "'%s' is missing: %s", names[i],
			    strerrordesc_np(errno));
			advise(f, "restore it from a backup");
		} else if ((st.st_mode & 077) != 0) {
			say(f, DOCTOR_FAIL, mend, "'%s' can be read by others",
			    names[i]);
		}
	}
}

static void
look_space(struct doctor_finding *f, const struct vaultdir *v)
{
	struct statvfs s;
	char size[OUT_SIZE];
	uint64_t room;

	if (fstatvfs(v->dir->fd, &s) != 0) {
		say(f, DOCTOR_WARN, "", "%s", strerrordesc_np(errno));
		return;
	}
	room = (uint64_t)s.f_bavail * s.f_frsize;
	if ((s.f_flag & ST_RDONLY) != 0) {
		say(f, DOCTOR_FAIL, "",
		    "the vault lies on a read-only file system");
		advise(f, "mount it for writing");
	} else if (room < SPACE_WANTED || s.f_favail < 10000) {
		say(f, DOCTOR_WARN, "", "%s and %llu inodes are free",
		    out_size(room, size), (unsigned long long)s.f_favail);
		advise(f, "make room, or move the vault");
	} else {
		say(f, DOCTOR_OK, "", "%s are free", out_size(room, size));
	}
}

/* The file that would unlock the vault, as keys/unlock.c looks for it; NULL:
 * none is named. */
static const char *
secret_file(const struct options *o)
{
	const char *const paths[] = { o->unlock.passphrase_file,
		o->unlock.key_file, getenv("WEIR_PASSPHRASE_FILE"),
		getenv("WEIR_KEY_FILE") };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (paths[i] != NULL && paths[i][0] != '\0')
			return paths[i];
	return NULL;
}

static void
look_secret(struct doctor_finding *f, const char *path)
{
	char mend[sizeof(f->mend)];
	struct stat st;

	snprintf(mend, sizeof(mend), "chmod 600 '%.200s'", path);
	if (stat(path, &st) != 0) {
		say(f, DOCTOR_FAIL, "", "'%.128s': %s", path,
		    strerrordesc_np(errno));
		advise(f,
		    "it is to unlock the vault; without it only a running "
		    "keyd serves you");
	} else if ((st.st_mode & 077) != 0) {
		say(f, DOCTOR_WARN, mend,
		    "'%.128s' unlocks the vault, and others can read it", path);
	} else {
		say(f, DOCTOR_OK, "", "'%.128s' is its owner's alone", path);
	}
}

static void
look_acl(struct doctor_finding *f)
{
	OWNED_MEM(char) path = tools_in_path("setfacl");

	if (path != NULL)
		say(f, DOCTOR_OK, "", "the vault can be shared with setfacl");
	else
		say(f, DOCTOR_WARN, "sudo apt-get install acl",
		    "setfacl is missing: 'weir role add' names it where others "
		    "are to write to the store or read the trail");
}

static void
swallow(void *arg, const char *line)
{
	(void)arg;
	(void)line;
}

/* A finding only when there is something to be found. */
static void
say_older(struct doctor_finding *f, const char *older, const struct vaultdir *v)
{
	char advice[OLDER_ADVICE_SIZE];

	if (*older == '\0')
		return;
	say(f, DOCTOR_FAIL, "", "%s", older);
	older_advice(v->id, advice);
	advise(f, advice);
}

static void
look_keyd(struct doctor_finding *f, const struct options *o,
    const struct vaultdir *v, struct doctor_finding *trail)
{
	OWNED(client) client = NULL;
	bool running = false, reached;
	struct options quiet = *o;
	char mend[sizeof(f->mend)], owner[PEER_SIZE], older[OLDER_SIZE];

	/* Only the owner may look at the lock. */
	if (v->owner == geteuid() &&
	    (vaultdir_locked(v->dir, &running) != 0 || !running)) {
		say(f, DOCTOR_OK, "", "idle: the next command starts one");
		log_sink(swallow, NULL);
		older_look_still(o, older);
		log_sink(NULL, NULL);
		say_older(trail, older, v);
		return;
	}
	quiet.unlock.no_prompt = true;
	log_sink(swallow, NULL); /* the finding says it */
	reached = talk_open(&client, &quiet) == 0;
	if (reached)
		older_look(client, older);
	log_sink(NULL, NULL);
	if (reached) {
		say(f, DOCTOR_OK, "", "answers, and calls you %s",
		    client_peer(client)->principal);
		say_older(trail, older, v);
		return;
	}
	snprintf(mend, sizeof(mend),
	    "sudo -u %s weir-keyd --vault '%.120s' --key-file FILE",
	    peer_principal(v->owner, owner) + strlen("user:"), v->path);
	say(f, DOCTOR_FAIL, mend,
	    "keyd is not running, or does not answer you");
}

static void
look_vault(const struct options *o,
    void (*each)(void *arg, const struct doctor_finding *f), void *arg)
{
	OWNED(vaultdir) v = NULL;
	struct doctor_finding vault = { .name = "vault" };
	struct doctor_finding keyring = { .name = "keyring" };
	struct doctor_finding space = { .name = "space" };
	struct doctor_finding keyd = { .name = "keyd" };
	struct doctor_finding trail = { .name = "trail" };
	char mend[sizeof(vault.mend)];

	if (o->vault == NULL)
		return;
	if (vaultdir_open(&v, o->vault) != 0) {
		snprintf(mend, sizeof(mend), "weir init '%.200s'", o->vault);
		say(&vault, DOCTOR_FAIL, mend,
		    "'%.128s' is no vault that can be opened", o->vault);
		each(arg, &vault);
		return;
	}
	look_files(&keyring, v);
	each(arg, &keyring);
	look_space(&space, v);
	each(arg, &space);
	look_keyd(&keyd, o, v, &trail);
	each(arg, &keyd);
	if (trail.text[0] != '\0')
		each(arg, &trail);
}

void
doctor_look(const struct options *o,
    void (*each)(void *arg, const struct doctor_finding *f), void *arg)
{
	static const struct {
		const char *name;
		void (*look)(struct doctor_finding *f);
	} looks[] = {
		{ "kernel", look_kernel },
		{ "openat2", look_openat2 },
		{ "landlock", look_landlock },
		{ "seccomp", look_seccomp },
		{ "fuse", look_fuse },
		{ "fusermount3", look_fusermount },
		{ "read-ahead", look_readahead },
		{ "memlock", look_memlock },
		{ "key-memory", look_keys },
		{ "swap", look_swap },
		{ "cpu", look_cpu },
		{ "locale", look_locale },
		{ "programs", look_programs },
		{ "acl", look_acl },
	};
	const char *secret = secret_file(o);

	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
		struct doctor_finding f = { .name = looks[i].name };

		looks[i].look(&f);
		each(arg, &f);
	}
	if (secret != NULL) {
		struct doctor_finding f = { .name = "secret" };

		look_secret(&f, secret);
		each(arg, &f);
	}
	look_vault(o, each, arg);
}
