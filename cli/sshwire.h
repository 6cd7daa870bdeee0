/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SSHWIRE_H
#define WEIR_SSHWIRE_H

#include <stddef.h>
#include <stdint.h>

#include "vault/reader.h"
#include "vault/statement.h"
#include "vault/writer.h"

/* The encoding that OpenSSH's key files and agents use (RFC 4251, section 5):
 * big-endian numbers, strings with a length before them.  No I/O. */

#define SSHWIRE_ED25519 "ssh-ed25519"
#define SSHWIRE_SK_ED25519 "sk-ssh-ed25519@openssh.com"

uint32_t sshwire_u32(struct reader *r);

/* Borrow a string; *n is 0 when r is bad. */
const uint8_t *sshwire_string(struct reader *r, size_t *n);

/* Mark r bad unless the next string is this text. */
void sshwire_expect(struct reader *r, const char *text);

/* The next string as text, cut and escaped to fit, for messages. */
void sshwire_text(struct reader *r, char *buf, size_t size);

void sshwire_put_u32(struct writer *w, uint32_t v);
void sshwire_put_string(struct writer *w, const void *bytes, size_t n);

/* An Ed25519 public key as ssh keeps it.  ERR_FORMAT. */
#define SSHWIRE_BLOB 51
void sshwire_blob(uint8_t out[static SSHWIRE_BLOB],
    const struct statement_key *k);
int sshwire_blob_parse(struct statement_key *out, const void *blob, size_t n)
    MUST_USE;

/* "SHA256:..." as `ssh-keygen -l` shows it. */
#define SSHWIRE_PRINT 64
char *sshwire_print(const struct statement_key *k,
    char buf[static SSHWIRE_PRINT]);

#endif
