/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/signatures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/log.h"
#include "vault/oms.h"

#define MODE 0444
#define RESOURCE 170 /* bytes of a resource in the payload, but its name */

static char name[] = OMS_FILE;

void
signatures_drop(struct signature *s)
{
	free(s->bytes);
	*s = (struct signature){ 0 };
}

/* About as long as the bundle will be. */
static uint64_t
length_of(const struct manifest *m)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < m->file_count; i++)
		n += strlen(m->files[i].path) + RESOURCE;
	return n / 3 * 4;
}

int
signatures_one(struct signature *out, const struct manifest *m,
    const char *record, const char *shown)
{
	char why[OMS_WHY] = "";
	char *bytes;
	size_t n;
	int err;

	*out = (struct signature){ 0 };
	if (record == NULL || manifest_find(m, OMS_FILE) != NULL)
		return 0;
	if (length_of(m) > SIGNATURE_MAX) {
		log_warn("%s: its " OMS_FILE " is too long to be shown in the "
			 "mount; 'weir sign --oms --bundle' writes it",
		    shown);
		return 0;
	}
	err = oms_recorded(&bytes, &n, m, record, why);
	if (err == ERR_NOMEM)
		return err;
	if (err != 0) {
		log_warn("%s: the " OMS_FILE " that keyd has for it is left "
			 "out: %s",
		    shown, why);
		return 0;
	}
	*out = (struct signature){ .bytes = bytes,
		.file = { .kind = MANIFEST_FILE,
		    .class = MANIFEST_TEXT,
		    .mode = MODE,
		    .path = name,
		    .size = n,
		    .digest = digest_of(bytes, n) } };
	return 0;
}

/* --- of a session --- */

void
signatures_clear(struct signatures *s)
{
	for (size_t i = 0; i < MSG_VERSIONS_MAX; i++)
		free(s->records[i]);
	for (uint16_t i = 0; i < s->count; i++)
		signatures_drop(&s->items[i]);
	free(s->items);
	*s = (struct signatures){ 0 };
}

int
signatures_receive(struct signatures *s, int control, struct control *out)
{
	for (;;) {
		OWNED_CONTROL m = control_of(0);
		int err = control_receive(control, &m);

		if (err == 0 && m.type != CONTROL_RECORD) {
			*out = m;
			m = control_of(0);
			return 0;
		}
		if (err == 0 &&
		    (m.number >= MSG_VERSIONS_MAX ||
			s->records[m.number] != NULL))
			err = log_err(ERR_FORMAT,
			    "a record that belongs to no version");
		if (err == 0)
			err = control_text(&m, &s->records[m.number]);
		if (err != 0)
			return err;
	}
}

int
signatures_make(struct signatures *s, const struct msg_session *session,
    const struct manifest *const *manifests)
{
	s->items = calloc(session->count, sizeof(*s->items));
	if (s->items == NULL)
		return ERR_NOMEM;
	for (s->count = 0; s->count < session->count; s->count++) {
		const struct msg_version *m = &session->versions[s->count];
		char shown[REF_NAME_MAX + 16], hex[DIGEST_HEX_SIZE];
		int err;

		snprintf(shown, sizeof(shown), "%s@%.12s", m->model,
		    digest_hex(&m->version, hex));
		err = signatures_one(&s->items[s->count], manifests[s->count],
		    s->records[s->count], shown);
		if (err != 0)
			return err;
	}
	return 0;
}
