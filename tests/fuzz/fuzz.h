/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_FUZZ_H
#define WEIR_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/*
 * What a harness, tests/fuzz/fuzz_NAME.c, defines: try these bytes; returns 0.
 * Its seeds are the files in tests/fuzz/corpus/NAME.
 */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#endif
