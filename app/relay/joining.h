/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a relay comes to the document that it starts by. One with an identity, which publishes
 * itself, waits until a document lists it. And any waits for its epoch to begin where the document
 * before, by which the network still goes, is not known: it has no keys of that epoch.
 *
 * Before the relay runs, while no signal is held back: a stop ends the process at once.
 */
#pragma once

#include "relay.h"

/*
 * Opens the documents, finds this node in the one that is in force, publishes the descriptor, and
 * waits as long as that takes if the relay is to run. Says on stderr what it waits for. -errno and
 * a message: there is no document, or something is wrong that time does not mend.
 */
LM_MUST_CHECK int joining_load(struct relay *relay, enum relay_purpose purpose,
			       struct lm_error *err);
