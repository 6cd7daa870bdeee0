/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_STORE_DIR_PARTS_H
#define WEIR_STORE_DIR_PARTS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "vault/file.h"
#include "vault/store.h"

/* A directory of objects, for store_dir*.c alone. */
struct store_dir {
	struct file *root;
	pthread_mutex_t flushing; /* taken before mutex */
	pthread_mutex_t mutex;	  /* for what follows */
	bool dirty[256];	  /* to be synced by the next flush */
	bool known[256];	  /* its own name is synced, or root_dirty */
	bool root_dirty;
	atomic_bool dead; /* syncing failed: nobody can tell what lasts */
};

/* store_list and store_sweep; arg is a struct store_dir. */
int store_dir_list(void *arg,
    int (*each)(void *each_arg, const struct digest *name, uint64_t size),
    void *each_arg) MUST_USE;
int store_dir_sweep(void *arg) MUST_USE;

#endif
