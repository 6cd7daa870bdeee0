/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/near.h"

#include <string.h>

unsigned int
near_distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	unsigned int row[32], corner;

	if (n > 15 || m > 30)
		return 15;
	for (unsigned int j = 0; j <= m; j++)
		row[j] = j;
	for (unsigned int i = 1; i <= n; i++) {
		corner = row[0];
		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			unsigned int best = corner + (a[i - 1] != b[j - 1]);

			corner = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[m];
}
