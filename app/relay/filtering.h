/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When a relay has the NIC drop what is foreign: a mix does, if the configuration and the driver
 * let it. Control thread only.
 */
#pragma once

#include "run.h"

/*
 * What the NIC must know before workers get this view; the first one decides whether there is a
 * filter. It says once on stderr if there is none though there should be, or there is none any
 * more.
 */
void filtering_prepare(struct run *run, const struct view *view);
