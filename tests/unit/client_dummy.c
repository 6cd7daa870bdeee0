/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/client_dummy.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/tlog.h"

const struct msg_hello_reply *
client_peer(const struct client *c)
{
	return &c->peer;
}

void
client_quiet(struct client *c, bool quiet)
{
	(void)c;
	(void)quiet;
}

const char *
client_sentence(const struct client *c)
{
	return c->sentence != NULL ? c->sentence : "";
}

static json_t *
envelope(const struct statement *s)
{
	json_error_t why;
	char *text;
	json_t *j;

	assert_int_equal(statement_envelope(s, &text), 0);
	j = json_loads(text, 0, &why);
	free(text);
	return j;
}

int
client_trust_get(struct client *c, uint64_t after, char **out)
{
	json_t *list = json_array(), *j;

	for (uint64_t i = after; i < c->root_count; i++)
		assert_int_equal(json_array_append_new(list,
				     envelope(c->roots[i])),
		    0);
	j = json_pack("{s:I, s:o}", "number",
	    (json_int_t)(c->newest != 0 ? c->newest : c->root_count), "roots",
	    list);
	*out = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	return 0;
}

static void
show(json_t *j, const char *key, const struct statement *s)
{
	if (s != NULL)
		json_object_set_new(j, key, envelope(s));
}

int
client_channel_proof(struct client *c, const char *reference, char **out)
{
	char hex[DIGEST_HEX_SIZE];
	json_t *j;

	(void)reference;
	if (c->hide != 0)
		return c->hide;
	if (c->raw != NULL) {
		*out = strdup(c->raw);
		return 0;
	}
	j = json_pack("{s:s, s:s*, s:s, s:I, s:[]}", "model", c->model,
	    "channel", c->channel, "version", digest_hex(&c->version, hex),
	    "root", (json_int_t)(c->root != 0 ? c->root : c->root_count),
	    "revoked");
	assert_non_null(j);
	show(j, "signed", c->statement);
	show(j, "promotion", c->promotion);
	show(j, "earlier", c->earlier);
	if (c->revocation != NULL)
		json_array_append_new(json_object_get(j, "revoked"),
		    envelope(c->revocation));
	*out = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	return 0;
}

int
client_trail_consistency(struct client *c, uint64_t old_size,
    struct msg_consistency *out)
{
	OWNED(trail_reader) r = NULL;
	struct msg_consistency m = { 0 };
	uint64_t size;
	size_t n = 0;

	assert_int_equal(trail_reader_open(&r, c->trails->s.dir,
			     &c->trails->key),
	    0);
	size = trail_reader_checkpoint(r)->size;
	if (old_size < size)
		assert_int_equal(tlog_consistency(old_size, size,
				     trail_reader_node, r, m.proof, &n),
		    0);
	m.count = (uint16_t)n;
	m.note = strdup(trail_reader_note(r));
	*out = m;
	return 0;
}

int
client_session_open(struct client *c, const struct msg_session_open *m,
    struct msg_session *out)
{
	bool lies = c->opens_once == 0 || c->opened < c->opens_once;
	struct msg_version *v = calloc(1, sizeof(*v));

	assert_non_null(v);
	c->trust = m->trust;
	snprintf(c->ref, sizeof(c->ref), "%s", m->refs[0]);
	if (c->refuse != 0) {
		free(v);
		return c->refuse;
	}
	c->opened++;
	v->model = strdup(
	    c->opens_model != NULL && lies ? c->opens_model : c->model);
	v->channel = strdup(c->channel != NULL ? c->channel : "");
	v->version = c->opens_version != NULL && lies ? *c->opens_version :
							c->version;
	*out = (struct msg_session){ .session = c->opened,
		.count = 1,
		.versions = v };
	return 0;
}

int
client_session_close(struct client *c, uint64_t session, const char *reason)
{
	assert_int_equal(session, c->opened);
	c->closed++;
	snprintf(c->reason, sizeof(c->reason), "%s", reason);
	return 0;
}
