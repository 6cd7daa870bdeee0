/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/out.h"
#include "vault/clock.h"
#include "vault/err.h"

#define LINE_SIZE 256
#define REDRAW_SECONDS 0.1
#define LINE_SECONDS 5.0
#define YOUNG_SECONDS 1.0
#define SMOOTHING 0.3 /* weight of the newest rate */

struct progress {
	bool quiet;
	bool terminal;
	bool drawn;
	double begun;
	double told; /* when the last line was */
	uint64_t told_bytes;
	double rate; /* bytes a second, smoothed */
};

int
progress_new(struct progress **out, bool quiet)
{
	const char *term = getenv("TERM");
	struct progress *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return ERR_NOMEM;
	p->quiet = quiet;
	p->terminal = isatty(STDERR_FILENO) && term != NULL &&
	    strcmp(term, "dumb") != 0;
	p->begun = clock_seconds(CLOCK_MONOTONIC);
	p->told = p->begun;
	*out = p;
	return 0;
}

void
progress_free(struct progress *p)
{
	if (p == NULL)
		return;
	progress_clear(p);
	free(p);
}

void
progress_clear(struct progress *p)
{
	if (p->drawn)
		fputs("\r\033[K", stderr);
	p->drawn = false;
}

double
progress_seconds(const struct progress *p)
{
	return clock_seconds(CLOCK_MONOTONIC) - p->begun;
}

/* Whether it is time for a line; keeps the rate. */
static bool
due(struct progress *p, uint64_t bytes)
{
	double now = clock_seconds(CLOCK_MONOTONIC);
	double passed = now - p->told;
	double rate;

	if (p->quiet || passed < (p->terminal ? REDRAW_SECONDS : LINE_SECONDS))
		return false;
	rate = (double)(bytes - p->told_bytes) / passed;
	p->rate = p->rate <= 0 ? rate :
				 SMOOTHING * rate + (1 - SMOOTHING) * p->rate;
	p->told = now;
	p->told_bytes = bytes;
	return true;
}

static size_t
columns(void)
{
	struct winsize w;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col < 20)
		return 80;
	return w.ws_col;
}

static void
draw(struct progress *p, char *line)
{
	if (!p->terminal) {
		fprintf(stderr, "weir: %s\n", line);
		return;
	}
	if (strlen(line) >= columns())
		line[columns() - 1] = '\0';
	fprintf(stderr, "\r%s\033[K", line);
	fflush(stderr);
	p->drawn = true;
}

/* ", 3 s left"; nothing while the rate is too young to be believed. */
static void
time_left(const struct progress *p, uint64_t bytes, char *buf, size_t size)
{
	double left = p->rate > 0 ? (double)bytes / p->rate : 0;

	buf[0] = '\0';
	if (p->rate <= 0 || p->told - p->begun < YOUNG_SECONDS)
		return;
	if (left < 100)
		snprintf(buf, size, ", %.0f s left", left);
	else if (left < 100 * 60)
		snprintf(buf, size, ", %.0f min left", left / 60);
	else
		snprintf(buf, size, ", %.0f h left", left / 3600);
}

/* "1.2 GB of 4.0 GB, 30 %, 812.3 MB/s, 3 s left" */
static void
amounts(const struct progress *p, uint64_t done, uint64_t total, char *buf,
    size_t size)
{
	char a[OUT_SIZE], b[OUT_SIZE], rate[OUT_SIZE], left[40];

	out_size(done, a);
	out_size((uint64_t)p->rate, rate);
	if (total == 0) {
		snprintf(buf, size, "%s, %s/s", a, rate);
		return;
	}
	if (done > total)
		done = total;
	time_left(p, total - done, left, sizeof(left));
	snprintf(buf, size, "%s of %s, %u %%, %s/s%s", a, out_size(total, b),
	    (unsigned int)((double)done / (double)total * 100), rate, left);
}

void
progress_intake(void *arg, const struct intake_progress *now)
{
	struct progress *p = arg;
	char line[LINE_SIZE], text[LINE_SIZE / 2];
	double known = 0;

	if (!due(p, now->bytes_done))
		return;
	amounts(p, now->bytes_done, now->bytes_total, text, sizeof(text));
	if (now->bytes_done > 0 && now->bytes_new <= now->bytes_done)
		known = (double)(now->bytes_done - now->bytes_new) /
		    (double)now->bytes_done * 100;
	snprintf(line, sizeof(line), "%s; file %llu of %llu; %.0f %% known",
	    text, (unsigned long long)now->files_done,
	    (unsigned long long)now->files_total, known);
	draw(p, line);
}

void
progress_extract(void *arg, uint64_t done, uint64_t total)
{
	struct progress *p = arg;
	char line[LINE_SIZE];

	if (!due(p, done))
		return;
	amounts(p, done, total, line, sizeof(line));
	draw(p, line);
}

void
progress_check(void *arg, const struct check_totals *now)
{
	struct progress *p = arg;
	char line[LINE_SIZE], text[LINE_SIZE / 2], count[OUT_COUNT];

	if (!due(p, now->bytes))
		return;
	amounts(p, now->bytes, 0, text, sizeof(text));
	snprintf(line, sizeof(line), "%s, %s; %llu damaged, %llu missing",
	    out_count(now->objects, "object", count), text,
	    (unsigned long long)now->damaged, (unsigned long long)now->missing);
	draw(p, line);
}

void
progress_sweep(struct progress *p, uint64_t done, uint64_t gone)
{
	char line[LINE_SIZE], count[OUT_COUNT];

	if (!due(p, done))
		return;
	snprintf(line, sizeof(line), "%s looked at, %llu removed",
	    out_count(done, "object", count), (unsigned long long)gone);
	draw(p, line);
}

void
progress_mirror(void *arg, const struct mirror_totals *now)
{
	struct progress *p = arg;
	char line[LINE_SIZE], text[LINE_SIZE / 2], count[OUT_COUNT];

	if (!due(p, now->bytes))
		return;
	amounts(p, now->bytes, 0, text, sizeof(text));
	snprintf(line, sizeof(line), "%s, %s; %llu copied",
	    out_count(now->objects, "object", count), text,
	    (unsigned long long)now->copied);
	draw(p, line);
}

void
progress_entries(struct progress *p, uint64_t done, uint64_t total)
{
	char line[LINE_SIZE];

	/* The clock need not be asked for each. */
	if (done % 1024 != 0 || !due(p, done))
		return;
	snprintf(line, sizeof(line), "entry %llu of %llu, %.0f/s",
	    (unsigned long long)done, (unsigned long long)total, p->rate);
	draw(p, line);
}
