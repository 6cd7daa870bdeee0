/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "vault/base64.h"
#include "vault/err.h"
#include "vault/oms.h"

/* tests/vectors/oms-p256.* */
#define PRIVATE                                                                \
	"-----BEGIN PRIVATE KEY-----\n"                                        \
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgC//n6xsP7+HjnVnQ\n"   \
	"JwWzjx2iQeyEPlW0y8LAjsqxoKyhRANCAATG2ZVr05lbQNZObNZEXpjEuOcJo9Zd\n"   \
	"kd5j4aS6PLHPaCWjho3CsIDSry4FniDm2zetH0xevxYi1AgqCJEK9csp\n"           \
	"-----END PRIVATE KEY-----\n"
#define PUBLIC                                                                 \
	"-----BEGIN PUBLIC KEY-----\n"                                         \
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAExtmVa9OZW0DWTmzWRF6YxLjnCaPW\n"   \
	"XZHeY+Gkujyxz2glo4aNwrCA0q8uBZ4g5ts3rR9MXr8WItQIKgiRCvXLKQ==\n"       \
	"-----END PUBLIC KEY-----\n"
#define TAIL 512
#define HEAD                                                                   \
	"{\"mediaType\":\"application/vnd.dev.sigstore.bundle.v0.3+json\","    \
	"\"verificationMaterial\":{\"publicKey\":{}},\"dsseEnvelope\":{"       \
	"\"payloadType\":\"application/vnd.in-toto+json\",\"payload\":\""

/* What verifies is in order, and has the root that it says. */
static void
try_bundle(const void *bytes, size_t n)
{
	OWNED(oms_doc) doc = NULL;
	const struct oms_files *files;
	struct digest root, said;
	char why[OMS_WHY] = "";
	int err = oms_verify(&doc, bytes, n, PUBLIC, why);

	if (err == ERR_NOMEM || err == ERR_USAGE ||
	    (err != 0 && why[0] == '\0'))
		abort();
	if (err != 0)
		return;
	files = oms_doc_files(doc);
	for (size_t i = 1; i < files->count; i++)
		if (strcmp(files->items[i - 1].name, files->items[i].name) >= 0)
			abort();
	root = oms_root(files);
	said = oms_doc_root(doc);
	/* Several may have been listed in another order. */
	if (files->count == 0 ||
	    (files->count == 1 && !digest_equal(&root, &said)))
		abort();
}

/* The input as a bundle, and as a payload that was truly signed. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const struct oms_private private = { .pem = PRIVATE };
	OWNED_MEM(char) bundle = malloc(sizeof(HEAD) + BASE64_SIZE(n) + TAIL);
	OWNED_MEM(char) key = NULL;
	char why[OMS_WHY] = "", text[BASE64_SIZE(OMS_SIG_MAX)];
	uint8_t sig[OMS_SIG_MAX];
	size_t length, at = strlen(HEAD);

	try_bundle(bytes, n);
	if (bundle == NULL ||
	    oms_sign(&private, bytes, n, sig, &length, &key, why) != 0)
		abort();
	memcpy(bundle, HEAD, at);
	base64_encode(bundle + at, bytes, n);
	at += strlen(bundle + at);
	snprintf(bundle + at, TAIL, "\",\"signatures\":[{\"sig\":\"%s\"}]}}",
	    base64_encode(text, sig, length));
	try_bundle(bundle, strlen(bundle));
	return 0;
}
