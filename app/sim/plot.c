/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See plot.h. gnuplot is started in the folder without a shell.
 */
#include "plot.h"

#include <errno.h>
#include <math.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static FILE *begin(const char *folder, const char *name, struct lm_error *err)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	if (!file)
		lm_error_set(err, errno, "%s: %s", path, strerror(errno));
	return file;
}

static int end(FILE *file, const char *folder, struct lm_error *err)
{
	bool bad = ferror(file) != 0;

	if (fclose(file) != 0 || bad)
		return lm_error_set(err, EIO, "%s: the plot cannot be written", folder);
	return 0;
}

/* Rows that differ in clients' cover alone stand in one block. */
static bool begins_block(const struct plan_row *row, unsigned i)
{
	return i == 0 || row[i].relay_cover != row[i - 1].relay_cover ||
	       row[i].link_interval_us != row[i - 1].link_interval_us;
}

static int write_data(const char *folder, const struct plan_row *row, unsigned rows,
		      struct lm_error *err)
{
	FILE *file = begin(folder, "plan.dat", err);

	if (!file)
		return -EIO;
	fputs("# cover relay_cover link_interval_ms delay_ms bits law_bits latency_ms p99_ms "
	      "client_bytes mix_bytes row\n",
	      file);
	for (unsigned i = 0; i < rows; i++) {
		if (i > 0 && begins_block(row, i))
			fputs("\n\n", file);
		if (row[i].trials == 0 || !row[i].intact) /* a block has a line at least */
			fprintf(file, "%g %g %g NaN NaN NaN NaN NaN NaN NaN %u\n", row[i].cover,
				row[i].relay_cover, row[i].link_interval_us / 1e3, i + 1);
		else
			fprintf(file, "%g %g %g %g %.4f %.4f %.3f %.3f %.1f %.1f %u\n",
				row[i].cover, row[i].relay_cover, row[i].link_interval_us / 1e3,
				row[i].delay_us / 1e3, row[i].bits, row[i].law_bits,
				row[i].latency_ms, row[i].p99_ms, row[i].bytes_per_second,
				row[i].relay_bytes, i + 1);
	}
	return end(file, folder, err);
}

static void write_limits(FILE *file, const struct plan_wish *wish)
{
	if (!isinf(wish->latency_ms))
		fprintf(file,
			"set arrow 1 from graph 0, first %g to graph 1, first %g nohead dt 2\n",
			wish->latency_ms, wish->latency_ms);
	if (!isinf(wish->bytes_per_second))
		fprintf(file,
			"set arrow 2 from first %g, graph 0 to first %g, graph 1 nohead dt 2\n",
			wish->bytes_per_second, wish->bytes_per_second);
}

/* What the title of a block's line says. */
static void write_title(FILE *file, const struct plan_row *row)
{
	fprintf(file, "\"%g/s of a relay", row->relay_cover);
	if (row->link_interval_us > 0)
		fprintf(file, ", %g ms padding", row->link_interval_us / 1e3);
	fprintf(file, ", mix %.0f kB/s\"", row->relay_bytes / 1e3);
}

static void write_blocks(FILE *file, const struct plan_row *row, unsigned rows)
{
	unsigned block = 0;

	fputs("\tplot 1/0 with points pt 7 lc 'black' title 'mean latency', "
	      "1/0 with points pt 6 lc 'black' title '99 %'",
	      file);
	for (unsigned i = 0; i < rows; i++) {
		if (!begins_block(row, i))
			continue;
		fprintf(file, ", 'plan.dat' index %u using 9:7 with linespoints lc %u pt 7 title ",
			block, block + 1);
		write_title(file, &row[i]);
		fprintf(file,
			", '' index %u using 9:8 with linespoints lc %u pt 6 dt 3 notitle, '' "
			"index %u using 9:7:(sprintf('%%g', $1)) with labels offset 0,1 notitle",
			block, block + 1, block);
		block++;
	}
	fputs("\n\tunset arrow\n", file);
}

static int write_script(const char *folder, const struct plan_row *row, unsigned rows,
			const struct plan_wish *wish, struct lm_error *err)
{
	FILE *file = begin(folder, "plan.gp", err);

	if (!file)
		return -EIO;
	fputs("set grid\n"
	      "do for [kind in 'svg png'] {\n"
	      "\tif (kind eq 'svg') { set terminal svg size 1200,900 }\n"
	      "\tif (kind eq 'png') { set terminal png size 1200,900 }\n"
	      "\tset output 'plan.'.kind\n\tset multiplot layout 2,1\n",
	      file);
	fprintf(file,
		"\tset title '%.1f bits: latency against bandwidth; numbers: packets of cover for "
		"each of messages'\n"
		"\tset xlabel 'bytes a second of a client'\n\tset ylabel 'latency, ms'\n"
		"\tset yrange [0:*]\n\tset key outside right top\n",
		wish->bits);
	write_limits(file, wish);
	write_blocks(file, row, rows);
	fprintf(file,
		"\tset title 'entropy of each row of the table: measured, and by the law'\n"
		"\tset xlabel 'row'\n\tset ylabel 'bits'\n"
		"\tset xrange [0:%u]\n\tset yrange [%g:%g]\n"
		"\tplot 'plan.dat' using 11:5 with points pt 7 title 'measured', '' using 11:6 "
		"with "
		"points pt 6 title 'law', %g with lines dt 2 title 'wanted'\n"
		"\tunset multiplot\n\tset autoscale x\n}\n",
		rows + 1, wish->bits - 1, wish->bits + 1, wish->bits);
	return end(file, folder, err);
}

static int draw(const char *folder, struct lm_error *err)
{
	pid_t child = fork();
	int status = 0;

	if (child < 0)
		return lm_error_set(err, errno, "fork: %s", strerror(errno));
	if (child == 0) {
		if (chdir(folder) == 0)
			execlp("gnuplot", "gnuplot", "plan.gp", (char *)NULL);
		_exit(127);
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return lm_error_set(err, ENOENT,
			    "%s: gnuplot did not draw plan.gp; install gnuplot-nox, or leave --out "
			    "out",
			    folder);
}

int plot_plan(const char *folder, const struct plan_row *row, unsigned rows,
	      const struct plan_wish *wish, struct lm_error *err)
{
	int rc;

	if (mkdir(folder, 0777) != 0 && errno != EEXIST)
		return lm_error_set(err, errno, "%s: cannot make the folder: %s", folder,
				    strerror(errno));
	rc = write_data(folder, row, rows, err);
	if (rc == 0)
		rc = write_script(folder, row, rows, wish, err);
	return rc == 0 ? draw(folder, err) : rc;
}
