/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/passphrase.h"

#include <bsd/readpassphrase.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/file.h"
#include "vault/log.h"

#define PROMPT_SIZE 512

static int
from_file(struct secret_text **out, const char *path)
{
	uint8_t *bytes;
	size_t n, whole;
	int r = file_load(NULL, path, PASSPHRASE_MAX, &bytes, &whole);

	if (r == ERR_NOT_FOUND)
		return log_err(ERR_SECRET, "there is no passphrase file '%s'",
		    path);
	if (r != 0)
		return r;
	n = whole;
	if (n > 0 && bytes[n - 1] == '\n')
		n--;
	r = n > 0 ? secret_text_from(out, bytes, n) :
		    log_err(ERR_SECRET, "'%s' is empty", path);
	secret_wipe(bytes, whole);
	free(bytes);
	return r;
}

static int
ask(struct secret_text **out, const char *prompt)
{
	char buf[PASSPHRASE_MAX + 1];
	int r;

	if (readpassphrase(prompt, buf, sizeof(buf), RPP_REQUIRE_TTY) == NULL) {
		secret_wipe(buf, sizeof(buf));
		if (errno == ENOTTY || errno == ENXIO || errno == ENOENT)
			return log_err(ERR_SECRET,
			    "the key's passphrase is needed, and there is no "
			    "terminal to ask on: give --key-passphrase-file "
			    "FILE or set WEIR_KEY_PASSPHRASE_FILE");
		return log_sys("read a passphrase from the terminal");
	}
	r = buf[0] != '\0' ? secret_text_from(out, buf, strlen(buf)) :
			     log_err(ERR_SECRET, "the passphrase is empty");
	secret_wipe(buf, sizeof(buf));
	return r;
}

static bool
same(const struct secret_text *a, const struct secret_text *b)
{
	size_t n, m;
	const uint8_t *x = secret_text_bytes(a, &n);
	const uint8_t *y = secret_text_bytes(b, &m);

	return n == m && memcmp(x, y, n) == 0;
}

static int
from_terminal(struct secret_text **out, const char *whose, bool twice)
{
	OWNED(secret_text) first = NULL;
	OWNED(secret_text) second = NULL;
	char prompt[PROMPT_SIZE];
	int r;

	snprintf(prompt, sizeof(prompt),
	    "%s of the key '%s': ", twice ? "New passphrase" : "Passphrase",
	    whose);
	if ((r = ask(&first, prompt)) != 0)
		return r;
	if (twice && (r = ask(&second, "The same passphrase again: ")) != 0)
		return r;
	if (twice && !same(first, second))
		return log_err(ERR_SECRET, "the two passphrases differ");
	*out = first;
	first = NULL;
	return 0;
}

int
passphrase_load(struct secret_text **out, const char *file, const char *whose,
    bool twice)
{
	if (file == NULL)
		file = getenv("WEIR_KEY_PASSPHRASE_FILE");
	if (file != NULL && file[0] != '\0')
		return from_file(out, file);
	return from_terminal(out, whose, twice);
}
