/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See linking.h.
 */
#include "linking.h"

#include <errno.h>
#include <rte_malloc.h>

#include "link_key.h"
#include "rounds.h"

static void begin_quiet(void *context)
{
	struct linking *linking = context;

	linking->quiet_round = rounds_after(linking->rounds);
}

static bool quiet_passed(void *context)
{
	const struct linking *linking = context;

	return rounds_passed(linking->rounds, linking->quiet_round);
}

int linking_add(struct linking *linking, struct gen_setup *setup,
		const struct lm_topology *topology, const struct lm_topology_node *self,
		struct lm_error *err)
{
	if (!linking->handshakes.sessions)
		return 0;
	return sessions_prepare(linking->handshakes.sessions, topology, self, setup->links, NULL, 0,
				err);
}

void linking_settle(struct linking *linking)
{
	if (linking->handshakes.sessions)
		sessions_commit(linking->handshakes.sessions);
}

void linking_abandon(struct linking *linking)
{
	if (linking->handshakes.sessions)
		sessions_abandon(linking->handshakes.sessions);
}

int linking_renew(struct linking *linking, struct gen_setup *setup, struct lm_error *err)
{
	int rc = linking_add(linking, setup, setup->topology, setup->self, err);

	if (rc == 0)
		linking_settle(linking);
	return rc;
}

static int open_sessions(struct linking *linking, struct gen_setup *setup, struct lm_error *err)
{
	const struct node_config *config = &setup->config.node;
	struct sessions_config wanted = {.secret = linking->secret, .folder = -1};

	link_sessions(&wanted, config, setup->topology, setup->self, 0);
	linking->handshakes.sessions = sessions_open(&wanted, lm_clock_us(), err);
	if (!linking->handshakes.sessions)
		return -ENOMEM;
	setup->links->sessions = linking->handshakes.sessions;
	return linking_renew(linking, setup, err);
}

static int open_framing(struct framing *framing, struct linking *linking,
			const struct gen_setup *setup, int socket, struct lm_error *err)
{
	void *memory = rte_zmalloc_socket("link", lm_link_worker_size(), LM_LINK_ALIGN, socket);

	if (!memory)
		return lm_error_set(err, ENOMEM,
				    "too little memory for links; raise memory.megabytes");
	framing->links = setup->links;
	framing->in = linking->handshakes.in;
	framing->out = linking->handshakes.out;
	framing->context = lm_link_worker_init(memory, sessions_table(linking->handshakes.sessions),
					       setup->config.node.symmetric, err);
	if (!framing->context)
		return -EINVAL;
	framing->table = sessions_table(linking->handshakes.sessions);
	return 0;
}

int linking_open(struct linking *linking, struct framing *framing, struct gen_setup *setup,
		 const struct port *port, const struct frame_self *self, const uint64_t *rounds,
		 int socket, struct lm_error *err)
{
	const struct node_config *config = &setup->config.node;
	int rc;

	if (config->link.mode == CONFIG_LINK_NONE) {
		link_key_warn_none("linemix-gen");
		return 0;
	}
	rc = link_key_load(&linking->secret, config, setup->self, err);
	if (rc == 0)
		rc = open_sessions(linking, setup, err);
	linking->handshakes.port = port;
	linking->handshakes.self = self;
	linking->handshakes.quiet = (struct handshakes_quiet){begin_quiet, quiet_passed, linking};
	linking->rounds = rounds;
	if (rc == 0)
		rc = handshakes_open(&linking->handshakes, socket, err);
	return rc == 0 ? open_framing(framing, linking, setup, socket, err) : rc;
}

void linking_close(struct linking *linking, struct framing *framing, struct gen_setup *setup)
{
	if (framing->context)
		lm_wipe(framing->context, lm_link_worker_size());
	if (setup->links)
		setup->links->sessions = NULL;
	sessions_close(linking->handshakes.sessions);
	lm_secret_free(linking->secret);
	*linking = (struct linking){0};
	*framing = (struct framing){0};
}

/* Those that are in force first: whom both know is called where it is now. */
unsigned linking_turn(struct linking *linking, const struct calendar *calendar)
{
	const struct view *newest = calendar_newest(calendar)->view;
	uint64_t now_us = lm_clock_us(), wall_us = lm_clock_wall_us();
	const struct calendar_document *in_force;
	unsigned done = 0;

	(void)calendar_epoch(calendar, wall_us, &in_force);
	if (!linking->handshakes.sessions)
		return 0;
	if (in_force->view)
		done += handshakes_turn(&linking->handshakes, in_force->view, now_us, wall_us);
	if (newest && newest != in_force->view)
		done += handshakes_turn(&linking->handshakes, newest, now_us, wall_us);
	return done;
}

bool linking_ready(const struct linking *linking)
{
	uint32_t peers, up;

	if (!linking->handshakes.sessions)
		return true;
	sessions_count(linking->handshakes.sessions, &peers, &up);
	return up == peers;
}
