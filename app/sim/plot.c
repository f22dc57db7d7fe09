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

static int write_data(const char *folder, const struct plan_row *row, unsigned rows,
		      struct lm_error *err)
{
	FILE *file = begin(folder, "plan.dat", err);

	if (!file)
		return -EIO;
	fputs("# cover delay_ms bits latency_ms p99_ms bytes_per_second\n", file);
	for (unsigned i = 0; i < rows; i++)
		if (row[i].trials > 0)
			fprintf(file, "%g %g %.4f %.3f %.3f %.1f\n", row[i].cover,
				row[i].mean_delay_us / 1e3, row[i].bits, row[i].latency_ms,
				row[i].p99_ms, row[i].bytes_per_second);
	return end(file, folder, err);
}

static int write_script(const char *folder, const struct plan_wish *wish, struct lm_error *err)
{
	FILE *file = begin(folder, "plan.gp", err);

	if (!file)
		return -EIO;
	fprintf(file,
		"set title '%.1f bits: what cover saves in latency'\n"
		"set xlabel 'bytes a second of a client'\nset ylabel 'latency, ms'\n"
		"set yrange [0:*]\nset grid\nset key top right\n",
		wish->bits);
	if (!isinf(wish->latency_ms))
		fprintf(file, "set arrow from graph 0, first %g to graph 1, first %g nohead dt 2\n",
			wish->latency_ms, wish->latency_ms);
	if (!isinf(wish->bytes_per_second))
		fprintf(file, "set arrow from first %g, graph 0 to first %g, graph 1 nohead dt 2\n",
			wish->bytes_per_second, wish->bytes_per_second);
	fputs("do for [kind in 'svg png'] {\n"
	      "\tif (kind eq 'svg') { set terminal svg size 800,500 } else { set terminal png size "
	      "800,500 }\n"
	      "\tset output 'plan.'.kind\n"
	      "\tplot 'plan.dat' using 6:4 with linespoints title 'mean', "
	      "'' using 6:5 with linespoints title '99 %', "
	      "'' using 6:4:(sprintf('%g', $1)) with labels offset 0,1 title 'cover a message'\n"
	      "}\n",
	      file);
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
		rc = write_script(folder, wish, err);
	return rc == 0 ? draw(folder, err) : rc;
}
