/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linemix-sim: whole mix networks on a virtual clock; what they hide and what that costs.
 */
#include <argp.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "lm_base.h"

static const struct command {
	const char *name;
	int (*main)(int argc, char **argv);
	const char *help;
} commands[] = {
	{"run", run_main, "simulate a network, and record who saw which packet when"},
	{"plan", plan_main, "find delays and cover for a wanted entropy"},
	{"show", show_main, "print the records of a run as CSV"},
};

const char *argp_program_version = "linemix-sim " LM_VERSION;

/* The command that was named, and where it stands in argv. */
struct chosen {
	const struct command *command;
	int at;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct chosen *chosen = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		for (unsigned i = 0; i < LM_COUNT(commands); i++) {
			if (strcmp(commands[i].name, arg) == 0)
				chosen->command = &commands[i];
		}
		if (!chosen->command)
			argp_error(state, "there is no command \"%s\"", arg);
		chosen->at = state->next - 1;
		state->next = state->argc; /* the rest is the command's */
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which command?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static char *list_commands(int key, const char *text, void *input)
{
	char *list = NULL;
	size_t len;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)(uintptr_t)text;

	FILE *to = open_memstream(&list, &len);

	if (!to)
		return NULL;
	fputs("Commands, each with a --help of its own:\n", to);
	for (unsigned i = 0; i < LM_COUNT(commands); i++)
		fprintf(to, "  %-11s %s\n", commands[i].name, commands[i].help);
	fputs("\nExit status: 0 done, 1 failed, 2 usage.", to);
	fclose(to);
	return list;
}

int main(int argc, char **argv)
{
	const struct argp argp = {
		.parser = parse,
		.args_doc = "COMMAND [OPTION...]",
		.doc = "Simulates whole mix networks on a virtual clock.\v ",
		.help_filter = list_commands,
	};
	struct chosen chosen = {0};
	struct lm_error err;
	char name[64];

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &chosen);
	if (lm_base_init(&err) != 0) {
		fprintf(stderr, "linemix-sim: %s\n", err.text);
		return 1;
	}
	snprintf(name, sizeof(name), "linemix-sim %s", chosen.command->name);
	argv[chosen.at] = name;
	return chosen.command->main(argc - chosen.at, argv + chosen.at);
}
