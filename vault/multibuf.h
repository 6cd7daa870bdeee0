/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_MULTIBUF_H
#define WEIR_MULTIBUF_H

#include <stdbool.h>

/*
 * libipsec-mb, where the machine and the build have it: x86-64, with the
 * library of the version whose header this was built with.  Loaded at run
 * time, so that a host without it works, by OpenSSL alone.  For lanes.c and
 * gcm.c.
 */
#if defined(__x86_64__) && defined(__has_include)
#if __has_include(<intel-ipsec-mb.h>)
#define MULTIBUF 1
#endif
#endif
#ifndef MULTIBUF
#define MULTIBUF 0
#endif

/*
 * Load it now, once.  Whoever gives up opening files (a sandbox) calls this
 * before: afterwards it is too late, and OpenSSL does the work.
 */
void multibuf_load(void);

/* What WEIR_LANES says, for tests and measurements: "one" forbids the library,
 * "many" uses it wherever it works; else the faster one is taken. */
enum multibuf_wish { MULTIBUF_FASTER, MULTIBUF_NEVER, MULTIBUF_ALWAYS };
enum multibuf_wish multibuf_wish(void);

#if MULTIBUF
#include <intel-ipsec-mb.h>
#else
typedef struct IMB_MGR IMB_MGR;
#endif

/*
 * A manager of one's own, for one thread at a time: NULL when there is no
 * library, or no memory.  multibuf_free wipes it: it may hold pieces of what
 * was worked at.
 */
IMB_MGR *multibuf_new(void);
void multibuf_free(IMB_MGR *m);

/* One that nobody changes, for its functions that keep no state in it, and to
 * see what the machine can do.  NULL when there is no library. */
const IMB_MGR *multibuf_shared(void);

#endif
