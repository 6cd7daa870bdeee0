/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Write a safetensors file of bf16 numbers as weights have them:
 *	weights FILE MEGABYTES
 * Tensors of 16 MiB, each normally distributed around zero (the sum of twelve
 * draws) with a width of its own from 0.01 to 0.04; every file is another one.
 * What training leaves in weights beside their distribution is not there.
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define TENSOR (16U << 20)
#define COLUMNS 4096U
#define VALUES 65536U
#define DRAWS 12
#define HEADER_MAX (1U << 20)

static uint64_t seed;

/* xorshift64*: where noise is as good as secrets are. */
static uint64_t
draw(void)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * 2685821657736338717U;
}

static uint16_t
bf16_of(float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return (uint16_t)((bits + 0x8000) >> 16);
}

/* So many draws of one tensor's distribution. */
static void
fill_table(uint16_t *table)
{
	double width = 0.01 + (double)(draw() >> 40) / (1 << 24) * 0.03;

	for (size_t i = 0; i < VALUES; i++) {
		double sum = 0;

		for (int k = 0; k < DRAWS; k++)
			sum += (double)(draw() >> 40) / (1 << 24) - 0.5;
		table[i] = bf16_of((float)(sum * width));
	}
}

static void
fill_tensor(uint16_t *tensor, const uint16_t *table)
{
	for (size_t i = 0; i < TENSOR / sizeof(*tensor); i += 4) {
		uint64_t r = draw();

		for (size_t k = 0; k < 4; k++)
			tensor[i + k] = table[r >> (16 * k) & 0xffff];
	}
}

static void
put(FILE *f, const void *bytes, size_t n)
{
	if (fwrite(bytes, 1, n, f) != n)
		err(1, "write");
}

static void
put_header(FILE *f, unsigned long tensors)
{
	char *text = malloc(HEADER_MAX);
	size_t n = 0;

	if (text == NULL)
		err(1, "malloc");
	for (uint64_t i = 0; i < tensors; i++)
		n += (size_t)snprintf(text + n, HEADER_MAX - n,
		    "%s\"layer.%ju.weight\":{\"dtype\":\"BF16\","
		    "\"shape\":[%u,%u],\"data_offsets\":[%ju,%ju]}",
		    i == 0 ? "{" : ",", (uintmax_t)i,
		    (unsigned int)(TENSOR / sizeof(uint16_t) / COLUMNS),
		    COLUMNS, (uintmax_t)(i * TENSOR),
		    (uintmax_t)((i + 1) * TENSOR));
	text[n++] = '}';
	while (n % sizeof(uint64_t) != 0)
		text[n++] = ' ';
	for (size_t i = 0; i < sizeof(uint64_t); i++)
		fputc((int)((uint64_t)n >> (8 * i) & 0xff), f);
	put(f, text, n);
	free(text);
}

int
main(int argc, char **argv)
{
	unsigned long tensors = argc == 3 ?
	    strtoul(argv[2], NULL, 10) * (1U << 20) / TENSOR :
	    0;
	uint16_t *tensor = malloc(TENSOR), table[VALUES];
	FILE *f;

	if (tensors == 0 || tensors > 4096)
		errx(2, "usage: weights FILE MEGABYTES (16 to 65536)");
	f = fopen(argv[1], "wb");
	if (f == NULL || tensor == NULL ||
	    getrandom(&seed, sizeof(seed), 0) != sizeof(seed) || seed == 0)
		err(1, "%s", argv[1]);
	put_header(f, tensors);
	for (unsigned long i = 0; i < tensors; i++) {
		fill_table(table);
		fill_tensor(tensor, table);
		put(f, tensor, TENSOR);
	}
	free(tensor);
	return fclose(f) == 0 ? 0 : 1;
}
