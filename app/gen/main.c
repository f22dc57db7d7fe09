/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linemix-gen: makes, sends, captures and checks real packets. It is a gateway in the topology like
 * any other.
 */
#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "options.h"
#include "program.h"

static const struct command commands[] = {
	{"network", network_main, "make up a network: topology and keys"},
	{"make", make_main, "write the packets of a run to a capture"},
	{"check", check_main, "find the packets of a run in a capture"},
	{"inspect", inspect_main, "print the keys to look into the packets of a capture"},
	{"replay", replay_main, "send the frames of any capture again"},
	{"run", run_main, "send packets and measure what comes back"},
	{"trace", trace_main, "find the mix at which packets are lost or late"},
	{"find-rate", find_rate_main, "find the rate at which the network begins to lose packets"},
};

const char *argp_program_version = "linemix-gen " LM_VERSION;

enum { KEY_CONFIG_HELP = 256, KEY_FIND_RATE };

static const struct argp_option rows[] = {
	{"help-config", KEY_CONFIG_HELP, NULL, 0, "Describe the configuration file", 0},
	{"find-rate", KEY_FIND_RATE, NULL, 0, "The command of this name", 0},
	{0},
};

static const char *option(int key)
{
	if (key == KEY_FIND_RATE)
		return "find-rate";
	gen_setup_describe(stdout);
	exit(0);
}

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "linemix-gen",
		.does = "Makes, sends, captures and checks packets of a mix network.",
		.status = "0 done, 1 failed or packets lost, 2 usage",
		.command = commands,
		.commands = LM_COUNT(commands),
		.options = rows,
		.option = option,
	};

	return program_main(&program, argc, argv);
}
