/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sub-commands: each parses its own arguments (argv[0] is its name for messages), prints what
 * went wrong, and returns the exit status: 0 done, 1 failed, 2 usage. A new one is a line here and
 * a row of the table in main.c.
 */
#pragma once

int run_main(int argc, char **argv);
int plan_main(int argc, char **argv);
int show_main(int argc, char **argv);
