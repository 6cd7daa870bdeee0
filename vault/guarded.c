/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/guarded.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vault/err.h"
#include "vault/log.h"

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

/*
 * Page for page: what is known of it (read only), a guard, the bytes at the end
 * of as many as it takes, a guard.
 */
struct head {
	size_t bytes; /* asked for */
	size_t inner; /* what the pages in the middle have */
	enum guarded_kind kind;
};

static size_t
page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* The first of the pages in the middle, which no object straddles. */
static uint8_t *
inner_of(const void *p)
{
	uintptr_t at = (uintptr_t)p;

	return (uint8_t *)(at - at % page_size()); // NOLINT
}

static struct head *
head_of(const void *p)
{
	return (struct head *)(void *)(inner_of(p) - 2 * page_size());
}

/* Into the place that is kept for it.  False: not to be had. */
static bool
map_secret(uint8_t *at, size_t n)
{
	OWNED_FD fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);

	return fd >= 0 && ftruncate(fd, (off_t)n) == 0 &&
	    mmap(at, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		0) == at;
}

static bool
map_locked(uint8_t *at, size_t n)
{
	return mmap(at, n, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at &&
	    madvise(at, n, MADV_DONTDUMP) == 0 && mlock(at, n) == 0;
}

/* A child has no keys: what it wiped would be gone here, too. */
static bool
map_inner(struct head *h, uint8_t *at)
{
	h->kind = map_secret(at, h->inner) ? GUARDED_SECRET : GUARDED_LOCKED;
	if (h->kind == GUARDED_LOCKED && !map_locked(at, h->inner))
		return false;
	return madvise(at, h->inner, MADV_DONTFORK) == 0;
}

int
guarded_new(void **out, size_t n)
{
	size_t page = page_size(), inner;
	struct head *h;
	uint8_t *base;

	if (n == 0 || n > SIZE_MAX - 4 * page)
		return log_err(ERR_NOMEM, "no guarded memory for %zu bytes", n);
	inner = (n + page - 1) / page * page;
	base = mmap(NULL, inner + 3 * page, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (base == MAP_FAILED)
		return log_err(ERR_NOMEM, "no guarded memory for %zu bytes", n);
	h = (struct head *)(void *)base;
	if (mprotect(base, page, PROT_READ | PROT_WRITE) != 0) {
		munmap(base, inner + 3 * page);
		return log_err(ERR_NOMEM, "no guarded memory for %zu bytes", n);
	}
	*h = (struct head){ .bytes = n, .inner = inner };
	if (!map_inner(h, base + 2 * page)) {
		munmap(base, inner + 3 * page);
		return log_err(ERR_NOMEM,
		    "no room to lock keys: raise RLIMIT_MEMLOCK (ulimit -l)");
	}
	(void)mprotect(base, page, PROT_READ);
	*out = base + 2 * page + (inner - n);
	return 0;
}

void
guarded_seal(void *p)
{
	(void)mprotect(inner_of(p), head_of(p)->inner, PROT_READ);
}

void
guarded_free(void *p)
{
	uint8_t *inner;
	size_t page = page_size(), n;

	if (p == NULL)
		return;
	inner = inner_of(p);
	n = head_of(p)->inner;
	if (mprotect(inner, n, PROT_READ | PROT_WRITE) == 0)
		sodium_memzero(inner, n);
	munmap(inner - 2 * page, n + 3 * page);
}

enum guarded_kind
guarded_kind(const void *p)
{
	return head_of(p)->kind;
}

enum guarded_kind
guarded_probe(void)
{
	enum guarded_kind kind = GUARDED_LOCKED;
	void *p;

	log_hush(true);
	if (guarded_new(&p, 1) == 0) {
		kind = guarded_kind(p);
		guarded_free(p);
	}
	log_hush(false);
	return kind;
}

const char *
guarded_name(enum guarded_kind kind)
{
	return kind == GUARDED_SECRET ? "memfd_secret" : "mlock";
}
