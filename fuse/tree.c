/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/tree.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/log.h"

#define NODES_MAX UINT32_MAX
#define NONE UINT32_MAX
#define PLAIN_DIR_MODE 0555
#define LINK_MODE 0777
#define HEAD_SIZE (DIGEST_HEX_SIZE + 1) /* "@" and the digest */

struct node {
	const char *name;   /* in the manifest's path, or one of ours */
	const char *target; /* links only */
	const struct manifest_file *file;
	uint32_t parent;
	uint32_t first; /* of its children, in tree.order */
	uint32_t count;
	uint32_t dirs; /* of them */
	uint16_t mode;
	uint16_t version;
	uint8_t kind;
	bool within; /* a version */
	bool extra;
};

struct tree {
	struct node *nodes;
	size_t count;
	size_t capacity;
	uint32_t *order; /* children by directory, then by name */
	int64_t *created_ms;
	char **names; /* those that no manifest holds */
	size_t name_count;
	uint64_t bytes;
};

void
tree_free(struct tree *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->name_count; i++)
		free(t->names[i]);
	free(t->names);
	free(t->created_ms);
	free(t->order);
	free(t->nodes);
	free(t);
}

static int
add_node(struct tree *t, const struct node *n, uint32_t *index)
{
	if (t->count == t->capacity) {
		size_t capacity = t->capacity > 0 ? t->capacity * 2 : 64;
		struct node *nodes;

		if (capacity > NODES_MAX)
			return ERR_LIMIT;
		nodes = realloc(t->nodes, capacity * sizeof(*nodes));
		if (nodes == NULL)
			return ERR_NOMEM;
		t->nodes = nodes;
		t->capacity = capacity;
	}
	*index = (uint32_t)t->count++;
	t->nodes[*index] = *n;
	return 0;
}

/* Keep a copy of n bytes of name for as long as the tree. */
static const char *
keep_name(struct tree *t, const char *name, size_t n)
{
	char **names, *copy;

	names = realloc(t->names, (t->name_count + 1) * sizeof(*names));
	if (names == NULL)
		return NULL;
	t->names = names;
	copy = strndup(name, n);
	if (copy != NULL)
		t->names[t->name_count++] = copy;
	return copy;
}

/* Among the nodes above the versions' files: few, and not yet in order. */
static uint32_t
find_top(const struct tree *t, uint32_t parent, const char *name, size_t n)
{
	for (uint32_t i = 1; i < t->count; i++)
		if (t->nodes[i].parent == parent &&
		    strncmp(t->nodes[i].name, name, n) == 0 &&
		    t->nodes[i].name[n] == '\0')
			return i;
	return NONE;
}

static int
names_collide(const struct tree_version *v)
{
	return log_err(ERR_CONFLICT,
	    "'%s:%s' and the model '%s/%s' have one name: mount them apart",
	    v->model, v->channel, v->model, v->channel);
}

/* The directory of a model, or of the first part of its name. */
static int
add_model_dir(struct tree *t, const struct tree_version *v, uint16_t version,
    uint32_t parent, const char *name, size_t n, uint32_t *out)
{
	struct node node = { .parent = parent,
		.mode = PLAIN_DIR_MODE,
		.version = version,
		.kind = MANIFEST_DIR };
	uint32_t there = find_top(t, parent, name, n);

	if (there != NONE && t->nodes[there].kind != MANIFEST_DIR)
		return log_err(ERR_CONFLICT,
		    "the model '%s' and a channel have one name: mount them "
		    "apart",
		    v->model);
	if (there != NONE) {
		*out = there;
		return 0;
	}
	node.name = keep_name(t, name, n);
	if (node.name == NULL)
		return ERR_NOMEM;
	return add_node(t, &node, out);
}

static int
add_model(struct tree *t, const struct tree_version *v, uint16_t version,
    uint32_t *out)
{
	const char *slash = strchr(v->model, '/');
	const char *last = slash != NULL ? slash + 1 : v->model;
	uint32_t dir = 0;

	if (slash != NULL) {
		int err = add_model_dir(t, v, version, 0, v->model,
		    (size_t)(slash - v->model), &dir);

		if (err != 0)
			return err;
	}
	return add_model_dir(t, v, version, dir, last, strlen(last), out);
}

static int
add_channel(struct tree *t, const struct tree_version *v, uint16_t version,
    uint32_t model, const char *head)
{
	struct node node = { .parent = model,
		.mode = LINK_MODE,
		.version = version,
		.kind = MANIFEST_LINK };
	uint32_t there, index;

	there = find_top(t, model, v->channel, strlen(v->channel));
	if (there != NONE) {
		const char *target = t->nodes[there].target;

		if (target != NULL && strcmp(target, head) == 0)
			return 0;
		return names_collide(v);
	}
	node.name = keep_name(t, v->channel, strlen(v->channel));
	node.target = keep_name(t, head, strlen(head));
	if (node.name == NULL || node.target == NULL)
		return ERR_NOMEM;
	return add_node(t, &node, &index);
}

/* What stands above a version's files.  *head is its directory; NONE if it is
 * there already. */
static int
add_head(struct tree *t, const struct tree_version *v, uint16_t version,
    uint32_t *head)
{
	struct node node = { .mode = v->manifest->root_mode,
		.version = version,
		.within = true,
		.kind = MANIFEST_DIR };
	char name[HEAD_SIZE] = "@";
	int err;

	digest_hex(&v->digest, name + 1);
	err = add_model(t, v, version, &node.parent);
	if (err == 0 && v->channel[0] != '\0')
		err = add_channel(t, v, version, node.parent, name);
	if (err != 0)
		return err;
	if (find_top(t, node.parent, name, strlen(name)) != NONE) {
		*head = NONE;
		return 0;
	}
	node.name = keep_name(t, name, strlen(name));
	if (node.name == NULL)
		return ERR_NOMEM;
	return add_node(t, &node, head);
}

/* Whether the directory dir of a version (head: its root) is the parent of
 * path, whose last component begins at last. */
static bool
is_parent(const struct tree *t, uint32_t dir, uint32_t head, const char *path,
    size_t last)
{
	const char *dir_path;

	if (dir == head)
		return last == 0;
	dir_path = t->nodes[dir].file->path;
	return last > 0 && strlen(dir_path) == last - 1 &&
	    memcmp(dir_path, path, last - 1) == 0;
}

/* Files ascend by path, so that a file's parent is the directory that was
 * added last or one above it: *dir goes along. */
static int
add_file(struct tree *t, const struct manifest_file *f, uint16_t version,
    uint32_t head, uint32_t *dir)
{
	const char *slash = strrchr(f->path, '/');
	size_t last = slash != NULL ? (size_t)(slash - f->path) + 1 : 0;
	struct node node = { .name = f->path + last,
		.target = f->target,
		.file = f,
		.mode = f->mode,
		.version = version,
		.within = true,
		.kind = (uint8_t)f->kind };
	uint32_t index;
	int err;

	while (!is_parent(t, *dir, head, f->path, last)) {
		if (*dir == head)
			return ERR_FORMAT;
		*dir = t->nodes[*dir].parent;
	}
	node.parent = *dir;
	err = add_node(t, &node, &index);
	if (err == 0 && f->kind == MANIFEST_DIR)
		*dir = index;
	return err;
}

static int
add_extra(struct tree *t, const struct manifest_file *f, uint16_t version,
    uint32_t head)
{
	const struct node node = { .name = f->path,
		.file = f,
		.parent = head,
		.mode = f->mode,
		.version = version,
		.kind = MANIFEST_FILE,
		.within = true,
		.extra = true };
	uint32_t index;

	return add_node(t, &node, &index);
}

static int
add_files(struct tree *t, const struct manifest *m, uint16_t version,
    uint32_t head)
{
	uint32_t dir = head;

	for (uint32_t i = 0; i < m->file_count; i++) {
		int err = add_file(t, &m->files[i], version, head, &dir);

		if (err != 0)
			return err;
	}
	t->bytes += m->total_bytes;
	return 0;
}

static int
compare_names(const void *a, const void *b, void *arg)
{
	const struct tree *t = arg;
	const uint32_t *x = a, *y = b;

	return strcmp(t->nodes[*x].name, t->nodes[*y].name);
}

/* Children of each directory side by side, by name. */
static int
put_in_order(struct tree *t)
{
	uint32_t at = 0;

	t->order = calloc(t->count, sizeof(*t->order));
	if (t->order == NULL)
		return ERR_NOMEM;
	for (size_t i = 1; i < t->count; i++) {
		struct node *parent = &t->nodes[t->nodes[i].parent];

		parent->count++;
		parent->dirs += t->nodes[i].kind == MANIFEST_DIR;
	}
	for (size_t i = 0; i < t->count; i++) {
		t->nodes[i].first = at;
		at += t->nodes[i].count;
		t->nodes[i].count = 0;
	}
	for (uint32_t i = 1; i < t->count; i++) {
		struct node *parent = &t->nodes[t->nodes[i].parent];

		t->order[parent->first + parent->count++] = i;
	}
	for (size_t i = 0; i < t->count; i++)
		qsort_r(t->order + t->nodes[i].first, t->nodes[i].count,
		    sizeof(*t->order), compare_names, t);
	return 0;
}

/* All that is above files comes first: find_top looks through it. */
static int
add_versions(struct tree *t, const struct tree_version *versions,
    uint16_t count)
{
	OWNED_MEM(uint32_t) heads = calloc(count, sizeof(*heads));

	if (heads == NULL)
		return ERR_NOMEM;
	for (uint16_t i = 0; i < count; i++) {
		int err = add_head(t, &versions[i], i, &heads[i]);

		if (err != 0)
			return err;
		t->created_ms[i] = versions[i].created_ms;
	}
	for (uint16_t i = 0; i < count; i++) {
		const struct tree_version *v = &versions[i];
		int err = 0;

		if (heads[i] == NONE)
			continue;
		err = add_files(t, v->manifest, i, heads[i]);
		if (err == 0 && v->extra != NULL)
			err = add_extra(t, v->extra, i, heads[i]);
		if (err != 0)
			return err;
	}
	return 0;
}

int
tree_new(struct tree **out, const struct tree_version *versions, uint16_t count)
{
	const struct node root = { .name = "",
		.mode = PLAIN_DIR_MODE,
		.kind = MANIFEST_DIR };
	OWNED(tree) t = calloc(1, sizeof(*t));
	uint32_t index;
	int err;

	assert(count > 0);
	if (t == NULL)
		return ERR_NOMEM;
	t->created_ms = calloc(count, sizeof(*t->created_ms));
	if (t->created_ms == NULL)
		return ERR_NOMEM;
	err = add_node(t, &root, &index);
	if (err == 0)
		err = add_versions(t, versions, count);
	if (err == 0)
		err = put_in_order(t);
	if (err != 0)
		return err;
	*out = t;
	t = NULL;
	return 0;
}

static void
item_of(const struct tree *t, uint32_t index, struct tree_item *out)
{
	const struct node *n = &t->nodes[index];

	*out = (struct tree_item){
		.ino = (uint64_t)index + 1,
		.parent = (uint64_t)n->parent + 1,
		.kind = n->kind,
		.mode = n->mode,
		.links = n->kind == MANIFEST_DIR ? n->dirs + 2 : 1,
		.created_ms = t->created_ms[n->version],
		.name = n->name,
		.target = n->target,
		.version = n->version,
		.within = n->within,
		.file = n->kind == MANIFEST_FILE ? n->file : NULL,
		.extra = n->extra,
	};
}

bool
tree_item(const struct tree *t, uint64_t ino, struct tree_item *out)
{
	if (ino < TREE_ROOT || ino > t->count)
		return false;
	item_of(t, (uint32_t)(ino - 1), out);
	return true;
}

bool
tree_lookup(const struct tree *t, uint64_t parent, const char *name,
    struct tree_item *out)
{
	const struct node *n;
	uint32_t low, high;

	if (parent < TREE_ROOT || parent > t->count)
		return false;
	n = &t->nodes[parent - 1];
	low = n->first;
	high = n->first + n->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		uint32_t child = t->order[middle];
		int order = strcmp(name, t->nodes[child].name);

		if (order == 0) {
			item_of(t, child, out);
			return true;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

bool
tree_child(const struct tree *t, uint64_t parent, uint64_t n,
    struct tree_item *out)
{
	const struct node *dir;

	if (parent < TREE_ROOT || parent > t->count)
		return false;
	dir = &t->nodes[parent - 1];
	if (n >= dir->count)
		return false;
	item_of(t, t->order[dir->first + n], out);
	return true;
}

uint64_t
tree_count(const struct tree *t)
{
	return t->count - 1;
}

uint64_t
tree_bytes(const struct tree *t)
{
	return t->bytes;
}
