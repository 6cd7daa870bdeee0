/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_FILE_H
#define WEIR_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "vault/owned.h"

/*
 * A file or directory that carries its name for messages.  Every function
 * here says one log line when the kernel fails and returns the error.
 */
struct file {
	int fd;
	char *name;
};

/* What the names of file_replace's temporary files begin with; one that is
 * left over belongs to a process that died. */
#define FILE_TEMPORARY ".tmp-"
#define FILE_TEMPORARY_SIZE 64

/* A name that nothing has: FILE_TEMPORARY and 32 random hex digits. */
int file_temporary(char buf[static FILE_TEMPORARY_SIZE]) MUST_USE;
/* Rename to a name that is free, both in the directory parent: 0, or -1 and
 * errno, EEXIST if it is not.  Where the file system has no such rename, other
 * errors may leave the file both names. */
int file_rename_new(int parent, const char *from, const char *to) MUST_USE;

/* Close and free. */
void file_free(struct file *f);
OWNED_TYPE(file);

/* Take over an open descriptor; on failure it is closed.  The name is kept
 * escaped and cut (log_name), fit to be printed and for nothing else. */
int file_adopt(struct file **out, int fd, const char *name) MUST_USE;

/*
 * Open path beneath dir (openat2: RESOLVE_BENEATH, no symbolic links, no
 * magic links), O_CLOEXEC added.  dir == NULL: path is resolved as the
 * kernel does, for names that the user gave.  ERR_NOT_FOUND is not logged.
 */
int file_open(struct file **out, const struct file *dir, const char *path,
    int flags, mode_t mode) MUST_USE;

/* Make a directory beneath dir unless it is there, and sync the directory
 * that holds it.  ERR_CONFLICT if something else has the name. */
int file_mkdir(const struct file *dir, const char *path, mode_t mode) MUST_USE;

/* All n bytes at this offset.  ERR_FORMAT (not logged) if the file ends. */
int file_read_at(const struct file *f, void *buf, size_t n, uint64_t offset)
    MUST_USE;
/* Up to n bytes; *got < n only at the end of the file. */
int file_read_some(const struct file *f, void *buf, size_t n, uint64_t offset,
    size_t *got) MUST_USE;
int file_write_at(const struct file *f, const void *buf, size_t n,
    uint64_t offset) MUST_USE;
int file_size(const struct file *f, uint64_t *out) MUST_USE;

/*
 * The whole file, at most max bytes (else ERR_LIMIT), with a NUL behind that
 * *length does not count.  Beneath dir it is a plain file (else ERR_FORMAT);
 * where the user gave the name (dir == NULL), a pipe will do, and is waited
 * for.  The caller frees.
 */
int file_load(const struct file *dir, const char *path, size_t max,
    uint8_t **out, size_t *length) MUST_USE;

int file_sync(const struct file *f) MUST_USE;	   /* fsync */
int file_sync_data(const struct file *f) MUST_USE; /* fdatasync */

/* That this directory has its name lasts.  For one that mkdir(2) has made, or
 * found: its maker may not have come so far. */
int file_sync_parent(const struct file *dir) MUST_USE;

/*
 * Put bytes at path beneath dir, whole or not at all: temporary name in the
 * same directory, fsync, rename over path, fsync of the directory.  If only
 * that last fsync fails, the new bytes are there and may not last.  mode is
 * as for open(2).
 */
int file_replace(const struct file *dir, const char *path, const void *bytes,
    size_t n, mode_t mode) MUST_USE;

/* The same for a path that is not there yet: ERR_CONFLICT, not logged, if it
 * is; what is there is left alone. */
int file_create(const struct file *dir, const char *path, const void *bytes,
    size_t n, mode_t mode) MUST_USE;

/* Remove path beneath dir and sync its directory; absent is no error. */
int file_remove(const struct file *dir, const char *path) MUST_USE;

/*
 * Overwrite path beneath dir with random bytes, as far as the file system does
 * that in place, sync, and remove it; another name of the same file is left as
 * it is, and so are its bytes.  Absent is no error.
 */
int file_destroy(const struct file *dir, const char *path) MUST_USE;

#endif
