/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CORES_H
#define WEIR_CORES_H

/* How many processors this process may use; 1 when nobody can tell. */
unsigned int cores_count(void);

#endif
