/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BUFFER_H
#define WEIR_BUFFER_H

#include <stddef.h>
#include <stdint.h>

/* Memory for plaintext: in no core dump, and not swapped where the limit on
 * locked memory allows that.  NULL: there is none. */
uint8_t *buffer_new(size_t n);

/* Wipe and free. */
void buffer_free(uint8_t *buf, size_t n);

#endif
