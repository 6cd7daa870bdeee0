/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_VERIFIER_FDS_H
#define WEIR_VERIFIER_FDS_H

/* The descriptors of a verifier's child, behind the first three. */
#define VERIFIER_CONTROL_FD 3
#define VERIFIER_STORE_FD 4
#define VERIFIER_LAST_FD VERIFIER_STORE_FD

#endif
