/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sub-commands: each parses its own arguments (argv[0] is its name for messages), prints what
 * went wrong, and returns the exit status: 0 done, 1 failed or mistakes found, 2 usage. A new one
 * is a line here and a row of the table in main.c.
 */
#pragma once

int keys_main(int argc, char **argv);
int descriptor_main(int argc, char **argv);
int build_main(int argc, char **argv);
int sign_main(int argc, char **argv);
int check_main(int argc, char **argv);
int diff_main(int argc, char **argv);
int retire_main(int argc, char **argv);
int agent_main(int argc, char **argv);
int signer_main(int argc, char **argv);
