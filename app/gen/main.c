/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linemix-gen: makes, sends, captures and checks real packets. It is a gateway in the topology like
 * any other.
 */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "options.h"

static const struct command {
	const char *name;
	int (*main)(int argc, char **argv);
	const char *help;
} commands[] = {
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

/* The command that was named, and where it stands in argv. */
struct chosen {
	const struct command *command;
	int at;
};

/* False if there is none of this name. */
static bool choose(struct chosen *chosen, const char *name, struct argp_state *state)
{
	for (unsigned i = 0; i < LM_COUNT(commands); i++) {
		if (strcmp(commands[i].name, name) == 0)
			chosen->command = &commands[i];
	}
	chosen->at = state->next - 1;
	state->next = state->argc; /* the rest is the command's */
	return chosen->command != NULL;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct chosen *chosen = state->input;

	switch (key) {
	case KEY_CONFIG_HELP:
		gen_setup_describe(stdout);
		exit(0);
	case ARGP_KEY_ARG:
		if (!choose(chosen, arg, state))
			argp_error(state, "there is no command \"%s\"", arg);
		return 0;
	case KEY_FIND_RATE:
		(void)choose(chosen, "find-rate", state);
		return 0;
	case ARGP_KEY_END:
		if (!chosen->command)
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
		fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].help);
	fputs("\nExit status: 0 done, 1 failed or packets lost, 2 usage.", to);
	fclose(to);
	return list;
}

int main(int argc, char **argv)
{
	const struct argp argp = {
		.options = rows,
		.parser = parse,
		.args_doc = "COMMAND [OPTION...]",
		.doc = "Makes, sends, captures and checks packets of a mix network.\v ",
		.help_filter = list_commands,
	};
	struct chosen chosen = {0};
	struct lm_error err;
	char name[64];

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &chosen);
	if (lm_base_init(&err) != 0) {
		fprintf(stderr, "linemix-gen: %s\n", err.text);
		return 1;
	}
	snprintf(name, sizeof(name), "linemix-gen %s", chosen.command->name);
	argv[chosen.at] = name;
	return chosen.command->main(argc - chosen.at, argv + chosen.at);
}
