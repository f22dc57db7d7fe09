/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A program that is a set of commands, each with options and --help of its own: finds the one that
 * was named, and runs it.
 */
#pragma once

#include <argp.h>

/* main gets the arguments behind the command's name, and as argv[0] "PROGRAM COMMAND". */
struct command {
	const char *name;
	int (*main)(int argc, char **argv);
	const char *help;
};

struct program {
	const char *name;
	const char *does;   /* a sentence */
	const char *status; /* of exit, each with what it means */
	const struct command *command;
	unsigned commands;
	const struct argp_option *options; /* beside a command's, before it; NULL: none */
	/* For one of these: the command that it stands for, or it is done here and exits. */
	const char *(*option)(int key);
};

/* For main to return. Without a command, or with one that there is not, exits with 2. */
int program_main(const struct program *program, int argc, char **argv);
