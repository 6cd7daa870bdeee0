/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/shed.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/forest.h"
#include "tests/lib/test.h"
#include "vault/extract.h"
#include "vault/log.h"

static void
keep_line(void *arg, const char *line)
{
	struct shed *s = arg;
	size_t n = strlen(s->lines);

	snprintf(s->lines + n, sizeof(s->lines) - n, "%s\n", line);
}

void
shed_init(struct shed *s)
{
	*s = (struct shed){ .scratch = scratch_new() };
	forest_dir(s->scratch.path, "src", 0755);
	s->src = forest_path(s->scratch.path, "src");
	s->objects = forest_path(s->scratch.path, "objects");
	if (store_dir_init(s->objects) != 0 ||
	    store_dir_open(&s->store, s->objects) != 0)
		abort();
	fakekeys_init(&s->keys);
	log_sink(keep_line, s);
}

void
shed_clear(struct shed *s)
{
	log_sink(NULL, NULL);
	fakekeys_clear(&s->keys);
	store_free(s->store);
	free(s->objects);
	free(s->src);
	scratch_free(&s->scratch);
}

void
shed_hush(struct shed *s)
{
	s->lines[0] = '\0';
}

int
shed_put(struct shed *s, const char *path, struct intake_result *out)
{
	const struct intake_how how = {
		.store = s->store,
		.keys = &s->keys.intake,
		.paths = &path,
		.path_count = 1,
		.filesums = s->filesums,
	};

	return intake_run(&how, out);
}

int
shed_put_stream(struct shed *s, const char *name, const uint8_t *bytes,
    size_t n, struct intake_result *out)
{
	OWNED_MEM(char) p = forest_path(s->scratch.path, "stream");
	const char *const dash = "-";
	const struct intake_how how = {
		.store = s->store,
		.keys = &s->keys.intake,
		.paths = &dash,
		.path_count = 1,
		.stdin_name = name,
	};
	int saved = dup(STDIN_FILENO), fd, err;

	forest_file(s->scratch.path, "stream", bytes, n, 0644);
	fd = open(p, O_RDONLY);
	if (fd < 0 || dup2(fd, STDIN_FILENO) != STDIN_FILENO)
		abort();
	err = intake_run(&how, out);
	if (saved >= 0)
		dup2(saved, STDIN_FILENO);
	owned_fd_close(&saved);
	close(fd);
	return err;
}

int
shed_open(struct shed *s, const struct intake_result *r, struct version **out)
{
	const struct version_open how = {
		.store = s->store,
		.object = r->object,
		.version = r->version,
		.manifest_key = s->keys.manifest_key,
		.opened = s->opened,
	};
	OWNED(version) v = NULL;
	int err = version_open(&v, &how);

	if (err == 0)
		err = fakekeys_load(&s->keys, s->store, version_manifest(v));
	if (err != 0)
		return err;
	*out = v;
	v = NULL;
	return 0;
}

int
shed_get(struct shed *s, struct version *v, const char *dest)
{
	const struct extract_how how = { .version = v,
		.keys = &s->keys.extract,
		.dest = dest };

	return extract_run(&how);
}

void
shed_round_trip(struct shed *s, struct intake_result *r)
{
	OWNED_MEM(char) dest = forest_path(s->scratch.path, "dest");
	OWNED(version) v = NULL;

	assert_int_equal(shed_put(s, s->src, r), 0);
	assert_int_equal(shed_open(s, r, &v), 0);
	assert_int_equal(shed_get(s, v, dest), 0);
	assert_true(forest_same(s->src, dest));
	assert_string_equal(s->lines, "");
}

char *
shed_object(const struct shed *s, const struct digest *name)
{
	char hex[DIGEST_HEX_SIZE], *path;

	digest_hex(name, hex);
	if (asprintf(&path, "%s/%.2s/%s", s->objects, hex, hex) < 0)
		abort();
	return path;
}
