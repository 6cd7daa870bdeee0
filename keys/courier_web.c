/* SPDX-License-Identifier: Apache-2.0 */
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "keys/courier_state.h"
#include "vault/err.h"

/*
 * The webhook: an alert is POSTed as JSON; a status of 2xx takes it.  The other
 * side's certificate is checked; nothing is followed anywhere else.
 */

#define CONNECT_SECONDS 5L

static size_t
ignore(char *bytes, size_t size, size_t n, void *arg)
{
	(void)bytes;
	(void)arg;
	return size * n;
}

static int
on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct courier_line *line = arg;

	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return line->stop ? 1 : 0;
}

/* What is not encrypted is for this host alone (keys/deliver.c), and for no
 * proxy that the environment names. */
static CURLcode
set_proxy(CURL *curl, const char *url)
{
	return strncmp(url, "https:", 6) == 0 ?
	    CURLE_OK :
	    curl_easy_setopt(curl, CURLOPT_PROXY, "");
}

static CURLcode
set_up(CURL *curl, struct courier_line *line, struct curl_slist *headers,
    const char *json)
{
	const struct deliver *d = &line->how->rules;
	CURLcode r = curl_easy_setopt(curl, CURLOPT_URL, d->webhook);

	if (r == CURLE_OK)
		r = curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	if (r == CURLE_OK)
		r = set_proxy(curl, d->webhook);
	if (r == CURLE_OK && d->webhook_ca[0] != '\0')
		r = curl_easy_setopt(curl, CURLOPT_CAINFO, d->webhook_ca);
	if (r == CURLE_OK)
		r = curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	if (r == CURLE_OK)
		r = curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
	if (r == CURLE_OK)
		r = curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	if (r == CURLE_OK)
		r = curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	if (r == CURLE_OK)
		r = curl_easy_setopt(curl, CURLOPT_POSTFIELDS, json);
	if (r == CURLE_OK)
		r = curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
	if (r == CURLE_OK)
		r = curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	if (r == CURLE_OK)
		r = curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT,
		    CONNECT_SECONDS);
	if (r == CURLE_OK)
		r = curl_easy_setopt(curl, CURLOPT_TIMEOUT,
		    (long)d->webhook_timeout);
	if (r == CURLE_OK)
		r = curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	if (r == CURLE_OK)
		r = curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION,
		    on_progress);
	if (r == CURLE_OK)
		r = curl_easy_setopt(curl, CURLOPT_XFERINFODATA, line);
	return r;
}

/* What comes of asking again: 408, 425, 429 and 5xx say that it may help. */
static enum courier_result
judge(long status, char *why)
{
	if (status >= 200 && status < 300)
		return COURIER_DONE;
	snprintf(why, COURIER_WHY, "it answered with status %ld", status);
	if (status >= 500 || status == 408 || status == 425 || status == 429)
		return COURIER_AGAIN;
	return COURIER_NO;
}

static enum courier_result
post(CURL *curl, struct courier_line *line, struct curl_slist *headers,
    const char *json, char *why)
{
	char error[CURL_ERROR_SIZE] = "";
	long status = 0;
	CURLcode r;

	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
	r = set_up(curl, line, headers, json);
	if (r == CURLE_OK)
		r = curl_easy_perform(curl);
	if (r == CURLE_ABORTED_BY_CALLBACK)
		return COURIER_ENDED;
	if (r != CURLE_OK) {
		snprintf(why, COURIER_WHY, "%s",
		    error[0] != '\0' ? error : curl_easy_strerror(r));
		return COURIER_AGAIN;
	}
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	return judge(status, why);
}

static enum courier_result
deliver(struct courier_line *line, const struct courier_letter *letter,
    char *why)
{
	CURL *curl = curl_easy_init();
	struct curl_slist *headers = curl_slist_append(NULL,
	    "Content-Type: application/json");
	enum courier_result result = COURIER_AGAIN;

	if (curl != NULL && headers != NULL)
		result = post(curl, line, headers, letter->json, why);
	else
		snprintf(why, COURIER_WHY, "%s", err_text(ERR_NOMEM));
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	return result;
}

const struct courier_kind courier_webhook = { "webhook", deliver };
