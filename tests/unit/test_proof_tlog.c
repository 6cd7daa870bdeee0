/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proofs as C2SP tlog-proof.  tests/vectors/entry.tlog-proof is of
 * tests/lib/minutes.h; tests/verify_tlog_proof.py, which shares no code with
 * weir, checks it too.  After a change on purpose:
 * build/tests/unit/test_proof_tlog write
 */
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/minutes.h"
#include "vault/err.h"
#include "vault/file.h"
#include "vault/proof_tlog.h"

#define SIZE 20
#define VECTOR "tests/vectors/entry.tlog-proof"

static struct proof *
make(const struct minutes *m, uint64_t index)
{
	char question[32];

	snprintf(question, sizeof(question), "entry %ju", (uintmax_t)index);
	return minutes_yes(m, question, &index, 1);
}

static void
write_proof(const struct proof *p, struct writer *w)
{
	*w = writer_of(PROOF_MAX);
	assert_int_equal(proof_tlog_write(w, p), 0);
}

static int
read_and_verify(const void *bytes, size_t n, const struct minutes *m)
{
	OWNED(proof) p = NULL;
	struct proof_verdict v;
	char why[PROOF_WHY] = "";
	int err = proof_tlog_parse(&p, bytes, n, why);

	if (err == 0)
		err = proof_verify(p, &m->key, &v, why);
	/* Only memory is short without a word. */
	assert_true(err == 0 || why[0] != '\0');
	return err;
}

static int
write_vector(void)
{
	OWNED_MINUTES m = minutes_new(SIZE);
	OWNED(proof) p = make(&m, 7);
	OWNED_WRITER w = { 0 };
	FILE *f = fopen(VECTOR, "w");

	write_proof(p, &w);
	return f != NULL && fwrite(w.bytes, 1, w.length, f) == w.length &&
		fclose(f) == 0 ?
	    EXIT_SUCCESS :
	    EXIT_FAILURE;
}

static void
what_is_written_is_the_vector_and_reads_back(void **state)
{
	OWNED_MINUTES m = minutes_new(SIZE);
	OWNED(proof) p = make(&m, 7);
	OWNED(proof) again = NULL;
	OWNED_MEM(uint8_t) file = NULL;
	OWNED_WRITER w = { 0 }, once = { 0 };
	char why[PROOF_WHY];
	size_t n;

	(void)state;
	write_proof(p, &w);
	assert_int_equal(file_load(NULL, VECTOR, PROOF_MAX, &file, &n), 0);
	assert_int_equal(w.length, n);
	assert_memory_equal(w.bytes, file, n);
	assert_int_equal(proof_tlog_parse(&again, file, n, why), 0);
	assert_int_equal(again->question.index, 7);
	write_proof(again, &once);
	assert_int_equal(once.length, n);
	assert_memory_equal(once.bytes, file, n);
}

static void
every_entry_of_every_log_holds(void **state)
{
	(void)state;
	for (size_t size = 1; size <= SIZE; size++) {
		OWNED_MINUTES m = minutes_new(size);

		for (uint64_t i = 0; i < size; i++) {
			OWNED(proof) p = make(&m, i);
			OWNED_WRITER w = { 0 };

			write_proof(p, &w);
			assert_int_equal(read_and_verify(w.bytes, w.length, &m),
			    0);
		}
	}
}

static void
every_truncation_and_flipped_bit_is_refused(void **state)
{
	OWNED_MINUTES m = minutes_new(SIZE);
	OWNED(proof) p = make(&m, 7);
	OWNED_WRITER w = { 0 };

	(void)state;
	write_proof(p, &w);
	for (size_t n = 0; n < w.length; n++)
		assert_int_not_equal(read_and_verify(w.bytes, n, &m), 0);
	for (size_t bit = 0; bit < 8 * w.length; bit++) {
		w.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (read_and_verify(w.bytes, w.length, &m) == 0)
			fail_msg("bit %zu is not looked at", bit);
		w.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(read_and_verify(w.bytes, w.length, &m), 0);
}

static void
hashes_are_as_many_as_a_log_can_have(void **state)
{
	static const char
	    hash[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
	OWNED_MINUTES m = minutes_new(SIZE);
	OWNED_MEM(char) note = minutes_note(&m, SIZE);

	(void)state;
	for (unsigned int n = 63; n <= 65; n++) {
		OWNED_WRITER w = writer_of(PROOF_MAX);
		OWNED(proof) p = NULL;
		char why[PROOF_WHY] = "";
		int err;

		writer_bytes(&w, PROOF_TLOG_MAGIC, strlen(PROOF_TLOG_MAGIC));
		writer_bytes(&w, "extra e30=\nindex 0\n", 19);
		for (unsigned int i = 0; i < n; i++)
			writer_bytes(&w, hash, strlen(hash));
		writer_u8(&w, '\n');
		writer_bytes(&w, note, strlen(note));
		err = proof_tlog_parse(&p, w.bytes, w.length, why);
		assert_int_equal(err, n <= 64 ? 0 : ERR_FORMAT);
	}
}

static void
what_is_none_names_the_line(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "", "line 1: not c2sp.org/tlog-proof@v1" },
		{ "c2sp.org/tlog-proof@v2\n", "line 1: not" },
		{ PROOF_TLOG_MAGIC "index 5\n", "line 2: 'extra ' should" },
		{ PROOF_TLOG_MAGIC "extra \n", "line 2: the entry should" },
		{ PROOF_TLOG_MAGIC "extra e30\n", "line 2: the entry should" },
		{ PROOF_TLOG_MAGIC "extra e30=\nindex 05\n", "line 3: a num" },
		{ PROOF_TLOG_MAGIC "extra e30=\nindex -1\n", "line 3: a num" },
		{ PROOF_TLOG_MAGIC "extra e30=\nindex 18446744073709551616\n",
		    "line 3: a number" },
		{ PROOF_TLOG_MAGIC "extra e30=\nindex 5\nAAAA\n",
		    "line 4: a hash" },
		{ PROOF_TLOG_MAGIC "extra e30=\nindex 5\n\nnote\n",
		    "line 5: a signed checkpoint" },
		{ PROOF_TLOG_MAGIC "extra e30=\nindex 5",
		    "line 3: the file ends" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		OWNED(proof) p = NULL;
		char why[PROOF_WHY] = "";

		assert_int_equal(proof_tlog_parse(&p, bad[i].text,
				     strlen(bad[i].text), why),
		    ERR_FORMAT);
		if (strncmp(why, bad[i].why, strlen(bad[i].why)) != 0)
			fail_msg("'%s' is refused with '%s'", bad[i].text, why);
	}
}

static void
only_an_entry_by_itself_has_this_form(void **state)
{
	static const uint64_t some[] = { 1, 4, 9 };
	OWNED_MINUTES m = minutes_new(SIZE);
	OWNED(proof)
	p = minutes_yes(&m, "reads user:alice llama 2023-01-01T00:00:00.000Z -",
	    some, 3);
	OWNED_WRITER w = writer_of(PROOF_MAX);

	(void)state;
	assert_int_equal(proof_tlog_write(&w, p), ERR_USAGE);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_the_vector_and_reads_back),
		cmocka_unit_test(every_entry_of_every_log_holds),
		cmocka_unit_test(every_truncation_and_flipped_bit_is_refused),
		cmocka_unit_test(hashes_are_as_many_as_a_log_can_have),
		cmocka_unit_test(what_is_none_names_the_line),
		cmocka_unit_test(only_an_entry_by_itself_has_this_form),
	};

	if (argc > 1 && strcmp(argv[1], "write") == 0)
		return write_vector();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
