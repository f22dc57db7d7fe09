/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See program.h.
 */
#include "program.h"

#include <stdio.h>
#include <string.h>

#include "lm_base.h"

/* The command that was named, and where it stands in argv. */
struct chosen {
	const struct program *program;
	const struct command *command;
	int at;
};

static void choose(struct chosen *chosen, const char *name, struct argp_state *state)
{
	for (unsigned i = 0; i < chosen->program->commands; i++) {
		if (strcmp(chosen->program->command[i].name, name) == 0)
			chosen->command = &chosen->program->command[i];
	}
	if (!chosen->command)
		argp_error(state, "there is no command \"%s\"", name);
	chosen->at = state->next - 1;
	state->next = state->argc; /* the rest is the command's */
}

static bool is_option(const struct program *program, int key)
{
	for (const struct argp_option *option = program->options; option && option->name;
	     option++) {
		if (option->key == key)
			return true;
	}
	return false;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct chosen *chosen = state->input;

	if (is_option(chosen->program, key)) {
		choose(chosen, chosen->program->option(key), state);
		return 0;
	}
	switch (key) {
	case ARGP_KEY_ARG:
		choose(chosen, arg, state);
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
	const struct chosen *chosen = input;
	char *list = NULL;
	size_t len;

	if (key != ARGP_KEY_HELP_POST_DOC || !chosen)
		return (char *)(uintptr_t)text;

	FILE *to = open_memstream(&list, &len);

	if (!to)
		return NULL;
	fputs("Commands, each with a --help of its own:\n", to);
	for (unsigned i = 0; i < chosen->program->commands; i++)
		fprintf(to, "  %-11s %s\n", chosen->program->command[i].name,
			chosen->program->command[i].help);
	fprintf(to, "\nExit status: %s.", chosen->program->status);
	fclose(to);
	return list;
}

int program_main(const struct program *program, int argc, char **argv)
{
	struct chosen chosen = {.program = program};
	struct lm_error err;
	char doc[256], name[64];
	const struct argp argp = {
		.options = program->options,
		.parser = parse,
		.args_doc = "COMMAND [OPTION...]",
		.doc = doc,
		.help_filter = list_commands,
	};

	snprintf(doc, sizeof(doc), "%s\v ", program->does);
	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &chosen);
	if (lm_base_init(&err) != 0) {
		fprintf(stderr, "%s: %s\n", program->name, err.text);
		return 1;
	}
	snprintf(name, sizeof(name), "%s %s", program->name, chosen.command->name);
	argv[chosen.at] = name;
	return chosen.command->main(argc - chosen.at, argv + chosen.at);
}
