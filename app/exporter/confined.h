/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the exporter gives up once it listens: its user, all capabilities, and every system call but
 * those of sockets that it has, of unix sockets, memory and time. It opens no file any more: so it
 * reads no key, also where its user could.
 */
#pragma once

#include "lm_base.h"

/* `user` as of the configuration. -errno and a message. */
LM_MUST_CHECK int confined_enter(const char *user, struct lm_error *err);
