/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the programs that check known answers share: reading JSON with errors that name the place,
 * counting items, and running over every backend.
 *
 * An item (one answer in a file) passes if it is right in every run, and there is a run for every
 * pair of usable backends of lib/x25519 and lib/symmetric. A malformed file ends the program with
 * status 1.
 */
#pragma once

#include <jansson.h>

#include "lm_symmetric.h"
#include "lm_x25519.h"

/* ---- JSON with places ---- */

/* A value and where it stands: "cases[3].hops[0].id". */
struct node {
	json_t *json;
	char place[128];
};

/* Says "FILE: PLACE: PROBLEM" and ends the program with status 1. */
_Noreturn void malformed(const struct node *node, const char *problem);

struct node node_get(const struct node *object, const char *key); /* must be there */
bool node_has(const struct node *object, const char *key);
struct node node_at(const struct node *array, size_t i);
size_t node_count(const struct node *array);
const char *node_string(const struct node *node);
uint32_t node_uint(const struct node *node, uint32_t max);

/* Hex of exactly n bytes. */
void node_bytes(const struct node *node, void *out, size_t n);
/* Hex of any length in memory of exactly that size, never NULL; the caller frees. */
uint8_t *node_blob(const struct node *node, size_t *n);

/* The members of an object by key, as the three above. */
uint32_t get_uint(const struct node *object, const char *key, uint32_t max);
void get_bytes(const struct node *object, const char *key, void *out, size_t n);
uint8_t *get_blob(const struct node *object, const char *key, size_t *n);

/* ---- Items ---- */

/* Where results go: each function takes the item's number, 0 .. items - 1. */
struct item {
	unsigned number;
	struct node node; /* for messages */
};

/* Notes that the item is wrong in this run and says why. */
void item_failed(const struct item *item, const char *problem);
/* Fails the item unless the condition holds. Returns the condition. */
bool item_check(const struct item *item, bool condition, const char *problem);
/* Fails the item unless it got what was wanted: verdicts, by name. */
void item_check_verdict(const struct item *item, const char *got, const char *want);
/* Notes that the item cannot be asked of this project's functions. */
void item_skipped(const struct item *item);

/* ---- The program ---- */

/* What a program does with a file: counts its items, then checks them once for every run. */
struct checker {
	const char *doc; /* for --help */
	unsigned (*count)(const struct node *root);
	void (*check)(const struct node *root, struct lm_symmetric *symmetric, const char *backend);
};

/* main: options, files, runs, the closing line. Returns the exit status. */
int check_main(int argc, char **argv, const struct checker *checker);

/* The file being checked, for messages. */
const char *check_file_name(void);

/* Memory for a context, aligned and zeroed; ends the program if there is none. */
void *check_alloc(size_t n);
