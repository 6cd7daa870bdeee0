/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLIENT_DUMMY_H
#define WEIR_CLIENT_DUMMY_H

#include "keys/client.h"
#include "tests/lib/trails.h"
#include "vault/statement.h"

/*
 * A keyd that shows what a test tells it to, in the place of keys/client.c:
 * whatever it says, the host has to find out.
 */
#define CLIENT_ROOTS 8

struct client {
	struct msg_hello_reply peer;
	/* trust.get: borrowed, in order; newest 0: as many as there are. */
	const struct statement *roots[CLIENT_ROOTS];
	uint64_t root_count;
	uint64_t newest;
	/* channel.proof: borrowed; NULL is left out. */
	const char *model;
	const char *channel;
	struct digest version;
	uint64_t root; /* 0: as many as there are */
	const struct statement *statement;
	const struct statement *promotion;
	const struct statement *earlier;
	const struct statement *revocation;
	const char *raw; /* in place of all that */
	int hide;	 /* this error instead */
	const char *sentence;
	/* trail.consistency */
	struct trails *trails;
	/* session.open: as the proof says, but for these. */
	const char *opens_model;	    /* NULL: the proof's */
	const struct digest *opens_version; /* NULL: the proof's */
	unsigned int opens_once;	    /* then as the proof says */
	int refuse;
	unsigned int opened;
	unsigned int closed;
	enum msg_trust trust; /* of the last session.open */
	char ref[256];
	char reason[256]; /* of the last session.close */
};

#endif
