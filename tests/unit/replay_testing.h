/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tests of lib/replay share: sets, and tags made of numbers. */
#pragma once

#include "table.h"
#include "testing.h"

#define ALL UINT64_MAX

/* An empty set; free() it. */
struct lm_replay *make_set(uint64_t capacity);

/* The tag of a number; different numbers give different tags. */
struct lm_replay_tag tag_of(uint64_t number);

/* Inserts the tags of n numbers from `first` on in bursts; returns how many were new. */
uint64_t insert_range(struct lm_replay *set, uint64_t first, uint64_t n, uint64_t *refused);

/* Filled slots, whatever the set's count says. */
uint64_t filled_slots(const struct lm_replay *set);
unsigned filled_in_line(const struct lm_replay_line *line);
