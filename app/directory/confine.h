/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the agent and the signer give up before they read anything from outside.
 */
#pragma once

#include "lm_base.h"

/*
 * The agent speaks to the network and to etcd, which may attack it: no capabilities, no new
 * privileges, no core dumps, no programs started, nobody traced, no namespaces. Before there are
 * threads.
 */
LM_MUST_CHECK int confine_agent(struct lm_error *err);

/*
 * The signer holds a key and needs its files alone: in addition a network namespace of its own,
 * where it may make one, and a filter that lets through the system calls that files, memory and
 * time take; sockets are not among them. -EPERM and a message if it can have neither; a line on
 * stderr if it has only one. Folders that it needs are open or may be opened later; no threads.
 */
LM_MUST_CHECK int confine_signer(struct lm_error *err);
