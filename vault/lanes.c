/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/lanes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/multibuf.h"

#define NEVER SIZE_MAX
#define LANES 16

struct lanes {
	size_t least;	  /* buffers for which lanes are faster */
	IMB_MGR *manager; /* NULL: OpenSSL alone */
};

#if MULTIBUF
/* The library refuses longer ones (65,535 bytes and more). */
#define LENGTH_MAX 65534

/*
 * From how many buffers on lanes are faster (measured: docs/performance.md).
 * They fill 16 registers or 8, and compete with the processor's own
 * instructions for SHA-256 where it has them.
 */
static size_t
least_of(const IMB_MGR *m)
{
	const bool wide = (m->features & IMB_FEATURE_AVX512_SKX) ==
	    IMB_FEATURE_AVX512_SKX;

	if ((m->features & IMB_FEATURE_AVX2) == 0)
		return NEVER;
	if ((m->features & IMB_FEATURE_SHANI) != 0)
		return wide ? 8 : NEVER;
	return wide ? 3 : 4;
}

/* Those that have come back, which all do but after a mistake of ours. */
static size_t
take(const IMB_JOB *job)
{
	if (job->status != IMB_STATUS_COMPLETED)
		abort(); /* as digest_of: there is no digest to go on with */
	return 1;
}

static size_t
submit(IMB_MGR *m, const struct lanes_bytes *in, struct digest *out)
{
	IMB_JOB *job = IMB_GET_NEXT_JOB(m);
	size_t taken = 0;

	memset(job, 0, sizeof(*job));
	job->cipher_mode = IMB_CIPHER_NULL;
	job->cipher_direction = IMB_DIR_ENCRYPT;
	job->chain_order = IMB_ORDER_HASH_CIPHER;
	job->hash_alg = IMB_AUTH_SHA_256;
	job->src = in->at;
	job->msg_len_to_hash_in_bytes = in->length;
	job->auth_tag_output = out->bytes;
	job->auth_tag_output_len_in_bytes = DIGEST_SIZE;
	for (job = IMB_SUBMIT_JOB(m); job != NULL;
	     job = IMB_GET_COMPLETED_JOB(m))
		taken += take(job);
	return taken;
}

static void
side_by_side(IMB_MGR *m, const struct lanes_bytes *in, size_t n,
    struct digest *out)
{
	size_t under_way = 0;
	const IMB_JOB *job;

	for (size_t i = 0; i < n; i++) {
		if (in[i].length == 0 || in[i].length > LENGTH_MAX)
			out[i] = digest_of(in[i].at, in[i].length);
		else
			under_way = under_way + 1 - submit(m, &in[i], &out[i]);
	}
	while ((job = IMB_FLUSH_JOB(m)) != NULL)
		under_way -= take(job);
	if (under_way != 0)
		abort();
}
#else
static size_t
least_of(const IMB_MGR *m)
{
	(void)m;
	return NEVER;
}

static void
side_by_side(IMB_MGR *m, const struct lanes_bytes *in, size_t n,
    struct digest *out)
{
	(void)m;
	(void)in;
	(void)n;
	(void)out;
	abort(); /* there is no manager */
}
#endif

/* How many buffers are to go into lanes. */
static size_t
least(enum lanes_kind kind)
{
	const IMB_MGR *m = multibuf_shared();

	if (m == NULL || kind == LANES_ONE)
		return NEVER;
	if (kind == LANES_MANY)
		return 1;
	switch (multibuf_wish()) {
	case MULTIBUF_NEVER:
		return NEVER;
	case MULTIBUF_ALWAYS:
		return 1;
	case MULTIBUF_FASTER:
		break;
	}
	return least_of(m);
}

int
lanes_new(struct lanes **out, enum lanes_kind kind)
{
	OWNED(lanes) l = calloc(1, sizeof(*l));

	if (l == NULL)
		return ERR_NOMEM;
	l->least = least(kind);
	if (kind == LANES_MANY && l->least == NEVER)
		return ERR_NOT_FOUND;
	if (l->least != NEVER)
		l->manager = multibuf_new();
	if (l->least != NEVER && l->manager == NULL)
		return ERR_NOMEM;
	*out = l;
	l = NULL;
	return 0;
}

void
lanes_free(struct lanes *l)
{
	if (l == NULL)
		return;
	multibuf_free(l->manager);
	free(l);
}

bool
lanes_beside(const struct lanes *l, size_t n)
{
	return l != NULL && l->manager != NULL && n >= l->least;
}

void
lanes_digest(struct lanes *l, const struct lanes_bytes *in, size_t n,
    struct digest *out)
{
	/* The last ones may be too few for lanes of their own. */
	size_t beside = lanes_beside(l, n % LANES) ? n : n - n % LANES;

	if (!lanes_beside(l, beside))
		beside = 0;
	if (beside > 0)
		side_by_side(l->manager, in, beside, out);
	for (size_t i = beside; i < n; i++)
		out[i] = digest_of(in[i].at, in[i].length);
}
