/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_OWNED_H
#define WEIR_OWNED_H

#include <pthread.h>

/*
 * Owned locals free themselves on every path out of their scope.
 *
 *	OWNED(manifest) m = NULL;		struct manifest *m
 *	...
 *	*out = m;				handed over
 *	m = NULL;
 *
 * A type x takes part by OWNED_TYPE(x) in its header, after the declaration
 * of void x_free(struct x *), which does nothing for NULL.
 */
#define OWNED(type) __attribute__((cleanup(type##_freep))) struct type *

#define OWNED_TYPE(type)                                                       \
	static inline void type##_freep(struct type **p)                       \
	{                                                                      \
		type##_free(*p);                                               \
	}                                                                      \
	struct type

/* Bytes and strings from malloc. */
#define OWNED_MEM(type) __attribute__((cleanup(owned_mem_freep))) type *

/* A file descriptor: closed when it is >= 0. */
#define OWNED_FD __attribute__((cleanup(owned_fd_close))) int

/* A mutex held to the end of the scope: LOCKED(l, &x->mutex); */
#define LOCKED(name, mutex)                                                    \
	__attribute__((cleanup(owned_unlock), unused))                         \
	pthread_mutex_t *name = owned_lock(mutex)

void owned_mem_freep(void *p);
void owned_fd_close(int *fd);
pthread_mutex_t *owned_lock(pthread_mutex_t *mutex);
void owned_unlock(pthread_mutex_t **mutex);

/* A function whose result must be looked at. */
#define MUST_USE __attribute__((warn_unused_result))

/* A printf-like function: format at argument f, values from argument v. */
#define PRINTF_LIKE(f, v) __attribute__((format(printf, f, v)))

#endif
