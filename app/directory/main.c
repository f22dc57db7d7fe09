/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * linemix-directory: keys, plans, descriptors and signed topologies; and the agent that carries
 * them over etcd, with the signer behind it.
 */
#include "commands.h"
#include "lm_base.h"
#include "program.h"

static const struct command commands[] = {
	{"keys", keys_main, "make long-term keys and mix keys"},
	{"descriptor", descriptor_main, "make a node's descriptor, or show one"},
	{"build", build_main, "make the next document from plan and descriptors"},
	{"sign", sign_main, "add an authority's signature, and merge signatures"},
	{"check", check_main, "explain everything that is wrong with a file"},
	{"diff", diff_main, "show what is different between two documents"},
	{"retire", retire_main, "mark members of a plan as retired"},
	{"agent", agent_main, "keep a topology file and a descriptor by way of etcd"},
	{"signer", signer_main, "sign what it has built itself; holds the key, has no network"},
};

const char *argp_program_version = "linemix-directory " LM_VERSION;

int main(int argc, char **argv)
{
	static const struct program program = {
		.name = "linemix-directory",
		.does = "Keys, descriptors and signed topologies of a mix network.",
		.status = "0 done, 1 failed or mistakes found, 2 usage",
		.command = commands,
		.commands = LM_COUNT(commands),
	};

	return program_main(&program, argc, argv);
}
