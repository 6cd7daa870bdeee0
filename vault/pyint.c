/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/pyint.h"

#include <string.h>

#include "vault/err.h"

static bool
is_space(char c)
{
	return c != '\0' && strchr(" \t\n\v\f\r", c) != NULL;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *
skip_space(const char *at, const char *end)
{
	while (at < end && is_space(*at))
		at++;
	return at;
}

/* Digits from *at on, and their number, which stops growing beyond PYINT_MAX;
 * an underscore only behind a digit. */
static bool
read_digits(const char **at, const char *end, uint64_t *out)
{
	bool digit = false;

	*out = 0;
	for (; *at < end; ++*at) {
		if (is_digit(**at) && *out <= PYINT_MAX)
			*out = 10 * *out + (uint64_t)(**at - '0');
		else if (!is_digit(**at) && (**at != '_' || !digit))
			break;
		digit = is_digit(**at);
	}
	/* None, or an underscore behind the last one. */
	return digit;
}

int
pyint_read(const char *text, size_t n, bool cut, uint64_t *out)
{
	const char *const end = text + n;
	const char *at = skip_space(text, end);
	bool negative = at < end && *at == '-', digits;
	uint64_t number;

	if (at < end && (*at == '-' || *at == '+'))
		at++;
	digits = read_digits(&at, end, &number);
	if (digits)
		at = skip_space(at, end);
	if (at == end && cut)
		return ERR_LIMIT;
	if (!digits || (at < end && *at != '\0') || (negative && number != 0))
		return ERR_FORMAT;
	if (number > PYINT_MAX)
		return ERR_LIMIT;
	*out = number;
	return 0;
}
