/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that remembers: a FUSE file system of two files.
 *	blocklog MOUNTPOINT SIZE LOG
 * `disk` is SIZE bytes in memory, for losetup.  Every WRITE and FSYNC to it is
 * appended to LOG as a record: u64 offset, u32 length, u32 kind (0 write, 1
 * flush), then the bytes of a write; little-endian.  Reading `position` gives
 * the number of records so far as text.  replay.py builds disks as they
 * would be after a power cut from LOG.
 */
#define FUSE_USE_VERSION 314
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct disk {
	uint8_t *bytes;
	size_t size;
	FILE *log;
	unsigned long records;
	pthread_mutex_t mutex;
};

static struct disk *
disk(void)
{
	return fuse_get_context()->private_data;
}

static void *
start(struct fuse_conn_info *conn, struct fuse_config *config)
{
	(void)conn;
	config->direct_io = 1;
	config->kernel_cache = 0;
	return disk();
}

static int
attributes(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	(void)fi;
	memset(st, 0, sizeof(*st));
	st->st_mode = S_IFREG | 0600;
	st->st_nlink = 1;
	if (strcmp(path, "/") == 0)
		st->st_mode = S_IFDIR | 0700;
	else if (strcmp(path, "/disk") == 0)
		st->st_size = (off_t)disk()->size;
	else if (strcmp(path, "/position") != 0)
		return -ENOENT;
	return 0;
}

static int
open_any(const char *path, struct fuse_file_info *fi)
{
	(void)path;
	(void)fi;
	return 0;
}

static void
record(struct disk *d, uint64_t offset, uint32_t length, uint32_t kind,
    const void *bytes)
{
	uint32_t tail[2] = { length, kind };

	pthread_mutex_lock(&d->mutex);
	if (fwrite(&offset, sizeof(offset), 1, d->log) != 1 ||
	    fwrite(tail, sizeof(tail), 1, d->log) != 1 ||
	    (kind == 0 && fwrite(bytes, length, 1, d->log) != 1) ||
	    fflush(d->log) != 0)
		err(1, "log");
	if (kind == 0)
		memcpy(d->bytes + offset, bytes, length);
	d->records++;
	pthread_mutex_unlock(&d->mutex);
}

static int
read_position(char *buf, size_t n)
{
	char text[32];
	int length;

	pthread_mutex_lock(&disk()->mutex);
	length = snprintf(text, sizeof(text), "%lu\n", disk()->records);
	pthread_mutex_unlock(&disk()->mutex);
	if ((size_t)length > n)
		length = (int)n;
	memcpy(buf, text, (size_t)length);
	return length;
}

static int
read_any(const char *path, char *buf, size_t n, off_t offset,
    struct fuse_file_info *fi)
{
	struct disk *d = disk();

	(void)fi;
	if (strcmp(path, "/position") == 0)
		return offset == 0 ? read_position(buf, n) : 0;
	if ((size_t)offset >= d->size)
		return 0;
	if (n > d->size - (size_t)offset)
		n = d->size - (size_t)offset;
	pthread_mutex_lock(&d->mutex);
	memcpy(buf, d->bytes + offset, n);
	pthread_mutex_unlock(&d->mutex);
	return (int)n;
}

static int
write_disk(const char *path, const char *buf, size_t n, off_t offset,
    struct fuse_file_info *fi)
{
	(void)fi;
	if (strcmp(path, "/disk") != 0 || (size_t)offset > disk()->size ||
	    n > disk()->size - (size_t)offset)
		return -EIO;
	record(disk(), (uint64_t)offset, (uint32_t)n, 0, buf);
	return (int)n;
}

static int
sync_disk(const char *path, int data_only, struct fuse_file_info *fi)
{
	(void)path;
	(void)data_only;
	(void)fi;
	record(disk(), 0, 0, 1, NULL);
	return 0;
}

static const struct fuse_operations operations = {
	.init = start,
	.getattr = attributes,
	.open = open_any,
	.read = read_any,
	.write = write_disk,
	.fsync = sync_disk,
};

int
main(int argc, char **argv)
{
	struct disk d = { .mutex = PTHREAD_MUTEX_INITIALIZER };
	char *fuse_argv[] = { argv[0], argv[1], (char[]){ "-f" }, NULL };

	if (argc != 4)
		errx(2, "usage: blocklog MOUNTPOINT SIZE LOG");
	d.size = strtoul(argv[2], NULL, 10);
	d.bytes = calloc(1, d.size);
	d.log = fopen(argv[3], "we");
	if (d.bytes == NULL || d.log == NULL)
		err(1, "%s", argv[3]);
	return fuse_main(3, fuse_argv, &operations, &d);
}
