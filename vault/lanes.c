/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/lanes.h"

#include <stdlib.h>
#include <string.h>

#include "vault/err.h"

#if defined(__x86_64__) && defined(__has_include)
#if __has_include(<intel-ipsec-mb.h>)
#define HAVE_LIBRARY 1
#endif
#endif

static void
one_after_another(const struct lanes_bytes *in, size_t n, struct digest *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = digest_of(in[i].at, in[i].length);
}

#ifdef HAVE_LIBRARY

#include <dlfcn.h>
#include <intel-ipsec-mb.h>

#define LIBRARY "libIPSec_MB.so.1"
#define JOB_MAX 65534 /* bytes that it takes as one job */

struct lanes {
	void *library;
	IMB_MGR *manager; /* NULL: none that is of use */
	void (*free_manager)(IMB_MGR *manager);
};

/* dlsym gives pointers to data, which POSIX says may be functions. */
static bool
find(void *library, const char *name, void *function)
{
	void *at = dlsym(library, name);

	memcpy(function, &at, sizeof(at));
	return at != NULL;
}

/* Its structures must be those of the header that this was compiled with. */
static bool
is_known(void *library)
{
	unsigned int (*version)(void);

	return find(library, "imb_get_version", &version) &&
	    version() >> 8 == IMB_VERSION_NUM >> 8;
}

static void
load(struct lanes *l)
{
	IMB_MGR *(*allocate)(uint64_t flags);
	void (*init)(IMB_MGR * manager, IMB_ARCH * arch);

	l->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (l->library == NULL || !is_known(l->library) ||
	    !find(l->library, "alloc_mb_mgr", &allocate) ||
	    !find(l->library, "init_mb_mgr_auto", &init) ||
	    !find(l->library, "free_mb_mgr", &l->free_manager))
		return;
	l->manager = allocate(0);
	if (l->manager != NULL)
		init(l->manager, NULL);
}

static void
unload(struct lanes *l)
{
	if (l->manager != NULL)
		l->free_manager(l->manager);
	l->manager = NULL;
	if (l->library != NULL)
		dlclose(l->library);
	l->library = NULL;
}

static void
submit(IMB_MGR *m, const struct lanes_bytes *in, struct digest *out,
    size_t *done)
{
	IMB_JOB *job = IMB_GET_NEXT_JOB(m);

	job->cipher_mode = IMB_CIPHER_NULL;
	job->cipher_direction = IMB_DIR_ENCRYPT;
	job->chain_order = IMB_ORDER_HASH_CIPHER;
	job->hash_alg = IMB_AUTH_SHA_256;
	job->src = in->at;
	job->hash_start_src_offset_in_bytes = 0;
	job->msg_len_to_hash_in_bytes = in->length;
	job->auth_tag_output = out->bytes;
	job->auth_tag_output_len_in_bytes = DIGEST_SIZE;
	job = IMB_SUBMIT_JOB(m);
	*done += job != NULL && job->status == IMB_STATUS_COMPLETED;
}

/* Whether every digest was made. */
static bool
side_by_side(IMB_MGR *m, const struct lanes_bytes *in, size_t n,
    struct digest *out)
{
	size_t done = 0;
	const IMB_JOB *job;

	for (size_t i = 0; i < n; i++) {
		if (in[i].length > 0 && in[i].length <= JOB_MAX) {
			submit(m, &in[i], &out[i], &done);
			continue;
		}
		one_after_another(&in[i], 1, &out[i]);
		done++;
	}
	while ((job = IMB_FLUSH_JOB(m)) != NULL)
		done += job->status == IMB_STATUS_COMPLETED;
	return done == n;
}

/* What is not made as OpenSSL makes it is of no use. */
#define TRIED 40
static bool
is_right(IMB_MGR *m)
{
	static const uint8_t bytes[TRIED * 7] = "abc";
	struct lanes_bytes in[TRIED];
	struct digest is[TRIED], want[TRIED];

	memset(is, 0, sizeof(is));
	for (size_t i = 0; i < TRIED; i++)
		in[i] = (struct lanes_bytes){ bytes, 1 + i * 7 };
	one_after_another(in, TRIED, want);
	return side_by_side(m, in, TRIED, is) &&
	    memcmp(is, want, sizeof(is)) == 0;
}

int
lanes_new(struct lanes **out)
{
	struct lanes *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return ERR_NOMEM;
	load(l);
	if (l->manager == NULL || !is_right(l->manager))
		unload(l);
	*out = l;
	return 0;
}

void
lanes_free(struct lanes *l)
{
	if (l == NULL)
		return;
	unload(l);
	free(l);
}

bool
lanes_are_wide(const struct lanes *l)
{
	return l != NULL && l->manager != NULL;
}

void
lanes_digest(struct lanes *l, const struct lanes_bytes *in, size_t n,
    struct digest *out)
{
	if (l == NULL || l->manager == NULL ||
	    !side_by_side(l->manager, in, n, out))
		one_after_another(in, n, out);
}

#else /* without the library */

struct lanes {
	char nothing;
};

int
lanes_new(struct lanes **out)
{
	*out = calloc(1, sizeof(**out));
	return *out != NULL ? 0 : ERR_NOMEM;
}

void
lanes_free(struct lanes *l)
{
	free(l);
}

bool
lanes_are_wide(const struct lanes *l)
{
	(void)l;
	return false;
}

void
lanes_digest(struct lanes *l, const struct lanes_bytes *in, size_t n,
    struct digest *out)
{
	(void)l;
	one_after_another(in, n, out);
}

#endif
