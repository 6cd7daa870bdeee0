/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TOOLS_H
#define WEIR_TOOLS_H

/* Where other programs lie.  The caller frees; NULL: nowhere. */

#ifndef WEIR_LIBEXECDIR
#define WEIR_LIBEXECDIR "/usr/libexec/weir"
#endif

/* One of weir's own: beside this program, else in WEIR_LIBEXECDIR. */
char *tools_find(const char *name);

/* Any program in $PATH. */
char *tools_in_path(const char *name);

#endif
