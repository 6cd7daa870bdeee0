/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "vault/journal.h"
#include "vault/trail.h"
#include "vault/trail_log.h"

#define DIR_MODE 0750

int
trail_init(const struct file *vault, const struct note_key *key,
    const struct sign_key *seed)
{
	OWNED(file) dir = NULL;
	OWNED(file) journal = NULL;
	struct trail_log_how how = { .key = key, .seed = seed };
	int err;

	err = file_mkdir(vault, "trail", DIR_MODE);
	if (err == 0)
		err = file_open(&dir, vault, "trail", O_RDONLY | O_DIRECTORY,
		    0);
	if (err == 0)
		err = file_mkdir(dir, "journal", DIR_MODE);
	if (err == 0)
		err = file_open(&journal, dir, "journal",
		    O_RDONLY | O_DIRECTORY, 0);
	if (err != 0)
		return err;

	err = journal_init(journal);
	how.dir = dir;
	return err != 0 ? err : trail_log_init(&how);
}
