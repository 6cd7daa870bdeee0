/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/memo.h"

#include <stdlib.h>

#include "vault/err.h"

#define UNSET UINT32_MAX

void
memo_clear(struct memo *m)
{
	free(m->near);
	*m = (struct memo){ 0 };
}

void
memo_reset(struct memo *m)
{
	m->near_count = m->far_count = m->count = 0;
}

/* Where it stands among the far ones; far_count if it does not. */
static size_t
find_far(const struct memo *m, uint64_t index)
{
	size_t i = 0;

	while (i < m->far_count && m->far[i].index != index)
		i++;
	return i;
}

const uint32_t *
memo_get(const struct memo *m, uint64_t index)
{
	size_t i = find_far(m, index);

	if (i < m->far_count)
		return &m->far[i].value;
	if (index < m->near_count && m->near[index] != UNSET)
		return &m->near[index];
	return NULL;
}

/* Numbers up to this one are near. */
static int
extend(struct memo *m, uint64_t index)
{
	if (index >= m->near_capacity) {
		size_t capacity = 2 * ((size_t)index + MEMO_GAP);
		void *near = reallocarray(m->near, capacity, sizeof(*m->near));

		if (near == NULL)
			return ERR_NOMEM;
		m->near = near;
		m->near_capacity = capacity;
	}
	while (m->near_count <= index)
		m->near[m->near_count++] = UNSET;
	return 0;
}

int
memo_put(struct memo *m, uint64_t index, uint32_t value)
{
	size_t i = find_far(m, index);
	int err;

	if (i < m->far_count) {
		m->far[i].value = value;
		return 0;
	}
	if (index >= m->near_count &&
	    (index >= MEMO_MAX || index > 2 * m->count + MEMO_GAP)) {
		if (i == MEMO_FAR)
			return ERR_LIMIT;
		m->far[i].index = index;
		m->far[i].value = value;
		m->far_count++;
		m->count++;
		return 0;
	}
	err = extend(m, index);
	if (err != 0)
		return err;
	m->count += m->near[index] == UNSET;
	m->near[index] = value;
	return 0;
}
