/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LOAD_H
#define WEIR_LOAD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * What the programs of tests/load share.  Each reads FILE in one loader's way
 * and prints the SHA-256 of what it read, in the order of the file: nothing
 * but the hash may differ from sha256sum(1).  What fails ends the program.
 */

/* Open FILE (argv[1]) with these flags besides O_RDONLY. */
int load_open(int argc, char **argv, int flags, size_t *size);
int load_reopen(const char *path, int flags);

/* argv[2], or what there is without it. */
size_t load_argument(int argc, char **argv, size_t otherwise);

/* Memory for n bytes, aligned for O_DIRECT. */
uint8_t *load_memory(size_t n);

/* n bytes at offset by pread(2); a short answer before the end of the file is
 * a failure, as loaders take it. */
void load_pread(int fd, void *buf, size_t n, off_t offset);

/* Run this many threads, each with its number. */
void load_threads(unsigned int count, void (*run)(void *arg, unsigned int i),
    void *arg);

/* Print the hash. */
void load_print(const void *bytes, size_t n);

/* End with a line. */
_Noreturn void load_fail(const char *what);

#endif
