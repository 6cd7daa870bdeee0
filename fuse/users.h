/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_USERS_H
#define WEIR_USERS_H

#define USERS_TEXT_SIZE 256

/*
 * Which processes use what lies beneath path, as far as /proc lets the caller
 * see: " by python3 (1234), bash (99) ...", or nothing.  Only names are
 * compared; nothing beneath path is touched.  Returns buf.
 */
const char *users_of(const char *path, char buf[static USERS_TEXT_SIZE]);

#endif
