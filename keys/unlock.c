/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/unlock.h"

#include <bsd/readpassphrase.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vault/err.h"
#include "vault/file.h"
#include "vault/log.h"
#include "vault/reader.h"
#include "vault/writer.h"

#define CREDENTIAL_PASSPHRASE "weir-unlock"
#define CREDENTIAL_KEY "weir-unlock.key"
#define UNIT_VAULTS "/var/lib/weir-keyd/"
#define HEAD_SIZE 5 /* kind and length, on the way to a child */

void
unlock_clear(struct unlock *u)
{
	secret_text_free(u->secret);
	u->secret = NULL;
}

static int
take(struct unlock *out, enum unlock_kind kind, const void *bytes, size_t n)
{
	out->kind = kind;
	return secret_text_from(&out->secret, bytes, n);
}

/* What a file of this name under dir (NULL: as the user gave it) holds. */
static int
load_file(struct unlock *out, enum unlock_kind kind, const struct file *dir,
    const char *path)
{
	uint8_t *bytes;
	size_t n, whole;
	int err = file_load(dir, path, UNLOCK_MAX, &bytes, &whole);

	if (err != 0)
		return err;
	n = whole;
	if (kind == UNLOCK_PASSPHRASE && n > 0 && bytes[n - 1] == '\n')
		n--;
	if (n == 0)
		err = log_err(ERR_SECRET, "'%s' is empty", path);
	else if (kind == UNLOCK_KEY_FILE && n < UNLOCK_KEY_MIN)
		err = log_err(ERR_SECRET,
		    "key file '%s' is shorter than %d bytes", path,
		    UNLOCK_KEY_MIN);
	else
		err = take(out, kind, bytes, n);
	secret_wipe(bytes, whole);
	free(bytes);
	return err;
}

/* Said once, where a secret becomes one; weir doctor goes on about it. */
static void
warn_of_readers(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		log_warn("'%s' opens the vault, and others than its owner may "
			 "get at it: chmod 600 '%s'",
		    path, path);
}

/* A file that somebody named must be there. */
static int
load_named(struct unlock *out, enum unlock_kind kind, const char *path,
    bool new)
{
	int err = load_file(out, kind, NULL, path);

	if (err == 0 && new)
		warn_of_readers(path);
	if (err != ERR_NOT_FOUND)
		return err;
	if (new &&kind == UNLOCK_KEY_FILE)
		return log_err(ERR_SECRET,
		    "there is no file '%s' to unlock the vault with; make one:"
		    " (umask 077; head -c 32 /dev/urandom > '%s')",
		    path, path);
	return log_err(ERR_SECRET,
	    "there is no file '%s' to unlock the vault with%s", path,
	    new ? "; write a passphrase into it first" :
		  "; the recovery key will do: --passphrase-file FILE");
}

/* ERR_NOT_FOUND when the service manager handed over neither. */
static int
load_credential(struct unlock *out)
{
	const char *path = getenv("CREDENTIALS_DIRECTORY");
	OWNED(file) dir = NULL;
	int err;

	if (path == NULL || *path == '\0')
		return ERR_NOT_FOUND;
	err = file_open(&dir, NULL, path, O_RDONLY | O_DIRECTORY, 0);
	if (err == 0)
		err = load_file(out, UNLOCK_PASSPHRASE, dir,
		    CREDENTIAL_PASSPHRASE);
	if (err == ERR_NOT_FOUND && dir != NULL)
		err = load_file(out, UNLOCK_KEY_FILE, dir, CREDENTIAL_KEY);
	return err;
}

/* ERR_NOT_FOUND when there is no terminal to ask on. */
static int
ask(struct unlock *out, const char *prompt)
{
	char buf[UNLOCK_MAX + 1];
	int err;

	if (readpassphrase(prompt, buf, sizeof(buf), RPP_REQUIRE_TTY) == NULL) {
		secret_wipe(buf, sizeof(buf));
		if (errno == ENOTTY || errno == ENXIO || errno == ENOENT)
			return ERR_NOT_FOUND;
		return log_sys("read a passphrase from the terminal");
	}
	if (buf[0] == '\0')
		err = log_err(ERR_SECRET,
		    "an empty passphrase unlocks nothing");
	else
		err = take(out, UNLOCK_PASSPHRASE, buf, strlen(buf));
	secret_wipe(buf, sizeof(buf));
	return err;
}

static bool
same_secret(const struct unlock *a, const struct unlock *b)
{
	size_t an, bn;
	const uint8_t *ab = secret_text_bytes(a->secret, &an);
	const uint8_t *bb = secret_text_bytes(b->secret, &bn);

	return an == bn && memcmp(ab, bb, an) == 0;
}

static int
prompt(struct unlock *out, bool twice)
{
	OWNED_UNLOCK first = { 0 }, second = { 0 };
	int err;

	err = ask(&first,
	    twice ? "New passphrase for the vault: " :
		    "Passphrase of the vault: ");
	if (err == 0 && twice)
		err = ask(&second, "The same passphrase again: ");
	if (err != 0)
		return err;
	if (twice && !same_secret(&first, &second))
		return log_err(ERR_SECRET, "the two passphrases differ");
	*out = first;
	first.secret = NULL;
	return 0;
}

static const char *
environment(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && *value != '\0' ? value : NULL;
}

static int
copy(struct unlock *out, const struct unlock *from)
{
	size_t n;
	const uint8_t *bytes = secret_text_bytes(from->secret, &n);

	return take(out, from->kind, bytes, n);
}

static int
load(struct unlock *out, const struct unlock_source *s, bool new)
{
	const char *passphrase = environment("WEIR_PASSPHRASE_FILE");
	const char *key = environment("WEIR_KEY_FILE");
	int err;

	if (s->given != NULL)
		return copy(out, s->given);
	if (s->passphrase_file != NULL)
		return load_named(out, UNLOCK_PASSPHRASE, s->passphrase_file,
		    new);
	if (s->key_file != NULL)
		return load_named(out, UNLOCK_KEY_FILE, s->key_file, new);
	if (s->named_only)
		return s->no_prompt ? ERR_NOT_FOUND : prompt(out, new);
	if (passphrase != NULL)
		return load_named(out, UNLOCK_PASSPHRASE, passphrase, new);
	if (key != NULL)
		return load_named(out, UNLOCK_KEY_FILE, key, new);
	err = load_credential(out);
	if (err == ERR_NOT_FOUND && !s->no_prompt)
		err = prompt(out, new);
	return err;
}

const char *
unlock_unit(const char *vault)
{
	const size_t n = strlen(UNIT_VAULTS);

	if (environment("INVOCATION_ID") == NULL)
		return NULL;
	return strncmp(vault, UNIT_VAULTS, n) == 0 ? vault + n : "NAME";
}

int
unlock_load(struct unlock *out, const struct unlock_source *s, bool twice)
{
	struct unlock u = { 0 };
	int err = load(&u, s, twice);

	if (err == ERR_NOT_FOUND && s->named_only)
		return log_err(ERR_SECRET,
		    "no new secret: give --new-key-file FILE,"
		    " --new-passphrase-file FILE or --new-recovery, or run it"
		    " on a terminal");
	if (err == ERR_NOT_FOUND && s->no_prompt && s->unit != NULL)
		return log_err(ERR_SECRET,
		    "no secret to unlock the vault with: this unit was handed"
		    " neither the credential " CREDENTIAL_PASSPHRASE " nor"
		    " " CREDENTIAL_KEY "; seal the passphrase for this host:"
		    " systemd-ask-password -n | systemd-creds encrypt"
		    " --name=" CREDENTIAL_PASSPHRASE
		    " - /etc/credstore.encrypted/weir-%s; then: systemctl"
		    " restart weir-keyd@%s",
		    s->unit, s->unit);
	if (err == ERR_NOT_FOUND)
		return log_err(ERR_SECRET,
		    "no secret to unlock the vault with: give"
		    " --passphrase-file FILE or --key-file FILE, set"
		    " WEIR_PASSPHRASE_FILE or WEIR_KEY_FILE, or run it on a"
		    " terminal");
	if (err == 0)
		*out = u;
	return err;
}

int
unlock_send(int fd, const struct unlock *u)
{
	size_t n, sent = 0;
	const uint8_t *bytes = secret_text_bytes(u->secret, &n);
	OWNED_WRITER w = writer_of(HEAD_SIZE + UNLOCK_MAX);

	writer_u8(&w, (uint8_t)u->kind);
	writer_blob(&w, bytes, n);
	if (!writer_ok(&w))
		return ERR_LIMIT;
	while (sent < w.length) {
		ssize_t r = send(fd, w.bytes + sent, w.length - sent,
		    MSG_NOSIGNAL);

		if (r < 0 && errno == ENOTSOCK)
			r = write(fd, w.bytes + sent, w.length - sent);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 && (errno == EPIPE || errno == ECONNRESET))
			return ERR_UNREACHABLE;
		if (r < 0)
			return log_sys("hand the unlocking secret over");
		sent += (size_t)r;
	}
	/* The other end waits for it, whatever becomes of this descriptor; a
	 * pipe's end is its close. */
	(void)shutdown(fd, SHUT_WR);
	return 0;
}

/* Up to size bytes, until the other end is closed. */
static int
read_all(int fd, uint8_t *buf, size_t size, size_t *got)
{
	*got = 0;
	while (*got < size) {
		ssize_t r = read(fd, buf + *got, size - *got);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return log_sys("take the unlocking secret over");
		if (r == 0)
			break;
		*got += (size_t)r;
	}
	return 0;
}

int
unlock_receive(struct unlock *out, int fd)
{
	uint8_t buf[HEAD_SIZE + UNLOCK_MAX + 1];
	struct unlock u = { 0 };
	const uint8_t *bytes;
	struct reader r;
	size_t got, n;
	uint8_t kind;
	int err;

	err = read_all(fd, buf, sizeof(buf), &got);
	r = reader_of(buf, got);
	kind = reader_u8(&r);
	bytes = reader_blob(&r, UNLOCK_MAX, &n);
	if (err == 0 &&
	    (!reader_end(&r) || n == 0 || kind < UNLOCK_PASSPHRASE ||
		kind > UNLOCK_RECOVERY))
		err = log_err(ERR_SECRET,
		    "no unlocking secret came from the program that"
		    " started this one");
	if (err == 0)
		err = take(&u, (enum unlock_kind)kind, bytes, n);
	secret_wipe(buf, sizeof(buf));
	if (err == 0)
		*out = u;
	return err;
}
