/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/multibuf.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "vault/secret.h"

enum multibuf_wish
multibuf_wish(void)
{
	const char *wish = secure_getenv("WEIR_LANES");

	if (wish != NULL && strcmp(wish, "one") == 0)
		return MULTIBUF_NEVER;
	if (wish != NULL && strcmp(wish, "many") == 0)
		return MULTIBUF_ALWAYS;
	return MULTIBUF_FASTER;
}

#if MULTIBUF
#define LIBRARY "libIPSec_MB.so.1"
#define ALIGNMENT 64
#define SERIES(version) ((version) >> 8) /* without the last number */

/* Constants made at first use. */
static struct {
	size_t (*size)(void);
	IMB_MGR *(
	    *place)(void *mem, const uint64_t flags, const unsigned int reset);
	void (*init)(IMB_MGR *m, IMB_ARCH *arch);
	int (*error)(IMB_MGR *m);
	IMB_MGR *shared; /* NULL: there is no library */
} library;
static pthread_once_t loaded = PTHREAD_ONCE_INIT;

static size_t
manager_size(void)
{
	return (library.size() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static IMB_MGR *
manager(void)
{
	void *mem = aligned_alloc(ALIGNMENT, manager_size());
	IMB_ARCH arch = IMB_ARCH_NONE;
	IMB_MGR *m;

	if (mem == NULL)
		return NULL;
	m = library.place(mem, 0, 1);
	if (m != NULL) {
		library.init(m, &arch); /* with the library's self test */
		if (arch != IMB_ARCH_NONE && library.error(m) == 0)
			return m;
	}
	free(mem);
	return NULL;
}

static void
load(void)
{
	void *so = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	unsigned int (*version)(void);

	if (so == NULL)
		return;
	*(void **)&version = dlsym(so, "imb_get_version");
	*(void **)&library.size = dlsym(so, "imb_get_mb_mgr_size");
	*(void **)&library.place = dlsym(so, "imb_set_pointers_mb_mgr");
	*(void **)&library.init = dlsym(so, "init_mb_mgr_auto");
	*(void **)&library.error = dlsym(so, "imb_get_errno");
	/* Jobs and managers are laid out as that header says. */
	if (version != NULL && library.size != NULL && library.place != NULL &&
	    library.init != NULL && library.error != NULL &&
	    SERIES(version()) == SERIES(IMB_VERSION_NUM))
		library.shared = manager();
	if (library.shared == NULL)
		dlclose(so);
}

void
multibuf_load(void)
{
	if (pthread_once(&loaded, load) != 0)
		abort();
}

const IMB_MGR *
multibuf_shared(void)
{
	multibuf_load();
	return library.shared;
}

IMB_MGR *
multibuf_new(void)
{
	return multibuf_shared() != NULL ? manager() : NULL;
}

void
multibuf_free(IMB_MGR *m)
{
	if (m == NULL)
		return;
	secret_wipe(m, manager_size());
	free(m);
}
#else
void
multibuf_load(void)
{
}

const IMB_MGR *
multibuf_shared(void)
{
	return NULL;
}

IMB_MGR *
multibuf_new(void)
{
	return NULL;
}

void
multibuf_free(IMB_MGR *m)
{
	(void)m;
}
#endif
