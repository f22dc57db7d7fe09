/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sub-commands: each parses its own arguments (argv[0] is its name for messages), prints what
 * went wrong, and returns the exit status: 0 done, 1 failed or packets lost, 2 usage.
 */
#pragma once

int network_main(int argc, char **argv);
int make_main(int argc, char **argv);
int check_main(int argc, char **argv);
int inspect_main(int argc, char **argv);
int replay_main(int argc, char **argv);
int run_main(int argc, char **argv);
int find_rate_main(int argc, char **argv);
int trace_main(int argc, char **argv);
