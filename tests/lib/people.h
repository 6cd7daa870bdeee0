/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_PEOPLE_H
#define WEIR_PEOPLE_H

#include <stddef.h>
#include <stdint.h>

#include "vault/statement.h"

/*
 * People who sign, for tests: number i has the Ed25519 seed H("person i"), i
 * in decimal.  Ends the program when something cannot be made.
 */
struct statement_key people_key(unsigned int i);
void people_seed(unsigned int i, uint8_t seed[static 32]);

/* i's signature over s; add it, too. */
struct statement_signature people_signature(unsigned int i,
    const struct statement *s);
void people_sign(unsigned int i, struct statement *s);
/* Another good one: r, which RFC 8032 derives, is this number's hash. */
struct statement_signature people_signature_again(unsigned int i,
    const struct statement *s, unsigned int nonce);
/* i's over bytes as they are. */
struct statement_signature people_signature_of(unsigned int i,
    const void *bytes, size_t n);
/* One that satisfies Ed25519's equation with an R of small order. */
struct statement_signature people_small_order(unsigned int i,
    const struct statement *s);
/* sig with L added to its S: the same number, spelt otherwise. */
struct statement_signature people_other_s(
    const struct statement_signature *sig);

/* The vault that tests sign for: 01 02 .. 10. */
#define PEOPLE_VAULT                                                           \
	{                                                                      \
		1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16          \
	}

/*
 * Statements without signatures, as they are before a test changes a field:
 * model llama/base, version H("version"), root H("root"), channel prod, serial
 * 3, put by user:alice.
 */
struct statement_fields people_fields(enum statement_about about);
struct statement *people_statement(const struct statement_fields *f);

/*
 * A trust root's policy as JSON: count people p0, p1, .. with principals
 * user:p0, .. (p0 is user:alice), all in each role, with this threshold; one
 * rule for all models, one for all channels.  The caller frees.
 */
char *people_policy(unsigned int count, unsigned int threshold);

/* Root number n with this policy, following previous (NULL: the first). */
struct statement *people_root(const char *policy, uint64_t n,
    const struct statement *previous);

/* An envelope of any bytes and signatures, as text; the caller frees. */
char *people_envelope(const void *payload, size_t n,
    const struct statement_signature *signatures, size_t count);

/* text with the first `from`, which must be there, replaced; the caller
 * frees. */
char *people_edit(const char *text, const char *from, const char *to);

#endif
