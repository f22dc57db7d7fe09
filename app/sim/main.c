/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linemix-sim: whole mix networks on a virtual clock; what they hide and what that costs.
 */
#include "commands.h"
#include "lm_base.h"
#include "program.h"

static const struct command commands[] = {
	{"run", run_main, "simulate a network, and record who saw which packet when"},
	{"plan", plan_main, "find delays and cover for a wanted entropy"},
	{"show", show_main, "print the records of a run as CSV"},
};

const char *argp_program_version = "linemix-sim " LM_VERSION;

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "linemix-sim",
		.does = "Simulates whole mix networks on a virtual clock.",
		.status = "0 done, 1 failed, 2 usage",
		.command = commands,
		.commands = LM_COUNT(commands),
	};

	return program_main(&program, argc, argv);
}
