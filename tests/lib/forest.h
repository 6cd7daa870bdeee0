/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_FOREST_H
#define WEIR_FOREST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Trees of files for tests: planted beneath a directory, and compared.  What
 * cannot be made ends the program. */

/* n bytes that depend on seed alone and do not compress. */
void forest_bytes(uint8_t *buf, size_t n, uint64_t seed);

void forest_dir(const char *root, const char *path, mode_t mode);
void forest_link(const char *root, const char *path, const char *target);
void forest_file(const char *root, const char *path, const void *bytes,
    size_t n, mode_t mode);
/* n bytes of forest_bytes. */
void forest_random(const char *root, const char *path, size_t n, uint64_t seed);

/* A safetensors file with tensors (u8) of these sizes; content from seed. */
void forest_safetensors(const char *root, const char *path, const size_t *sizes,
    size_t count, uint64_t seed);

/* Whether both trees hold the same names, kinds, modes, targets and bytes.
 * Says what differs on stderr. */
bool forest_same(const char *a, const char *b);

/* root/path, in a buffer from malloc. */
char *forest_path(const char *root, const char *path);

#endif
