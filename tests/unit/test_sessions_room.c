/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How many peers the control side of links has room for, what memory they take as they come, and
 * that their slots come back.
 */
#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "link_key.h"
#include "sessions_testing.h"

#define GROWN 3000 /* mixes in a layer */

/* A first layer of GROWN mixes with keys of their own, the first of which have sessions already. */
static void grow(struct lm_topology *grown, struct lm_topology_node *nodes, uint32_t *layer)
{
	struct lm_secret any[LM_X25519_BURST];
	struct lm_point key[LM_X25519_BURST];

	memcpy(nodes, node, sizeof(node));
	for (unsigned i = 0; i < GROWN; i++) {
		unsigned at = 4 + i;

		if (i % LM_X25519_BURST == 0) {
			lm_rand(any, sizeof(any));
			lm_x25519_base_burst(key, any, LM_X25519_BURST);
		}
		nodes[at] = (struct lm_topology_node){.id = 1000 + i,
						      .role = LM_TOPOLOGY_MIX,
						      .layer = 1,
						      .link = key[i % LM_X25519_BURST]};
		layer[2 + i] = at;
	}
	memcpy(layer, first, sizeof(first));
	*grown = topology;
	grown->nodes = 4 + GROWN;
	grown->node = nodes;
	grown->layer_node[1] = layer;
	grown->layer_nodes[1] = 2 + GROWN;
}

static void open_as_configured(struct side *side, unsigned self)
{
	const struct node_config none = {.link.mode = CONFIG_LINK_NOISE};
	struct sessions_config config = {.secret = &secret[self], .folder = -1};
	struct lm_error err;

	memset(side, 0, sizeof(*side));
	links_init(&side->links);
	link_sessions(&config, &none, &topology, &node[self], 0);
	config.packet_len = PACKET;
	side->sessions = sessions_open(&config, now_us, &err);
}

/* A small network grows by a thousand times at once, and what had sessions keeps them. */
static void a_network_grows_past_what_it_was_at_the_start(void **state)
{
	static struct lm_topology_node nodes[4 + GROWN];
	static uint32_t layer[2 + GROWN];
	const struct lm_link_session *before;
	struct lm_topology grown;
	struct lm_secret any;
	struct side last, mix;
	struct lm_error err;
	uint32_t peers, up;

	(void)state;
	make_topology();
	open_as_configured(&last, 3);
	assert_non_null(last.sessions);
	if (sessions_room(last.sessions) < GROWN) /* the limit on locked memory is low here */
		skip();
	assert_true(sessions_room(last.sessions) >= LM_TOPOLOGY_NODES);
	side_open(&mix, 1, -1);
	take(&last, 3);
	take(&mix, 1);
	talk(&mix, 1, &last, 3);
	before = lm_link_peer_sending(peer_of(&last, 1));
	assert_non_null(before);

	grow(&grown, nodes, layer);
	for (unsigned i = 0; i < 2; i++) { /* and again, with a mix less and a new one */
		assert_int_equal(sessions_prepare(last.sessions, &grown, &nodes[3], &last.links,
						  NULL, 0, &err),
				 0);
		sessions_commit(last.sessions);
		sessions_count(last.sessions, &peers, &up);
		assert_int_equal(peers, 1 + 2 + GROWN);
		assert_int_equal(up, 1);
		assert_ptr_equal(lm_link_peer_sending(peer_of(&last, 1)), before);
		nodes[4].id = 77777;
		lm_rand(&any, sizeof(any));
		lm_x25519_base_burst(&nodes[4].link, &any, 1);
	}
	assert_non_null(sessions_peer(last.sessions, links_number(&last.links, 77777)));
	assert_null(sessions_peer(last.sessions, links_number(&last.links, 1000)));
	side_close(&mix);
	sessions_close(last.sessions);
}

/* A table with room for everybody takes memory for those that there are, however often they renew
 * their sessions. */
static void memory_follows_what_a_table_holds(void **state)
{
	const size_t each = lm_link_table_size(128, LM_LINK_LANES_MIN) / 128;
	struct side mix, last;
	struct lm_error err;
	size_t first_written;

	(void)state;
	make_topology();
	side_open(&mix, 1, -1);
	open_as_configured(&last, 3);
	assert_non_null(last.sessions);
	assert_true(sessions_room(last.sessions) > 2 * PEERS);
	last.memory = lm_secret_alloc(lm_link_worker_size());
	last.worker = lm_link_worker_init(last.memory, sessions_table(last.sessions), "auto", &err);
	take(&mix, 1);
	take(&last, 3);
	talk(&mix, 1, &last, 3);
	first_written = lm_link_table_written(sessions_table(last.sessions));
	for (unsigned i = 0; i < 100; i++, now_us += 121000000, wall_us += 121000000) {
		talk(&mix, 1, &last, 3);
		assert_true(pass(&mix, 1, &last, 3, 0));
		(void)sessions_reclaim(mix.sessions, sessions_mark(mix.sessions));
		(void)sessions_reclaim(last.sessions, sessions_mark(last.sessions));
	}
	assert_true(lm_link_table_written(sessions_table(last.sessions)) <=
		    first_written + 4 * each);
	assert_true(lm_link_table_written(sessions_table(last.sessions)) <=
		    lm_link_table_size(4 * sessions_room(last.sessions), LM_LINK_LANES_MIN));
	close_both(&mix, &last);
}

/* What does not fit is told as soon as a document comes, with the number that would do. */
static void what_does_not_fit_is_told_before_it_is_taken(void **state)
{
	static struct lm_topology_node nodes[4 + GROWN];
	static uint32_t layer[2 + GROWN];
	struct lm_topology grown;
	struct lm_error err;
	struct side last;

	(void)state;
	make_topology();
	side_open(&last, 3, -1);
	take(&last, 3);
	grow(&grown, nodes, layer);
	assert_int_equal(sessions_fit(last.sessions, &topology, &node[3], NULL, 0, &err), 0);
	assert_int_equal(sessions_fit(last.sessions, &grown, &nodes[3], NULL, 0, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "no room for 3003 neighbours and clients, 3000 of them "
					 "new, beside the 3 that there are"));
	assert_non_null(strstr(err.text, "set link.sessions to 12012 or more"));
	assert_int_equal(sessions_prepare(last.sessions, &grown, &nodes[3], &last.links, NULL, 0,
					  &err),
			 -ENOSPC);
	side_close(&last);
}

/* Of root too, whom no limit stops. */
static bool drop_rights(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

	return syscall(SYS_capset, &head, none) == 0;
}

/* Where little memory may be locked there is room for fewer: no less than asked, and some is left
 * for other keys. */
static void a_low_limit_on_locked_memory_leaves_less_room(void **state)
{
	struct rlimit low;
	int status;
	pid_t pid;

	(void)state;
	make_topology();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct side side;
		uint32_t room;

		getrlimit(RLIMIT_MEMLOCK, &low);
		low.rlim_cur = low.rlim_max = low.rlim_max < 8u << 20 ? low.rlim_max : 8u << 20;
		if (setrlimit(RLIMIT_MEMLOCK, &low) != 0 || !drop_rights())
			_exit(77);
		open_as_configured(&side, 3);
		room = side.sessions ? sessions_room(side.sessions) : 0;
		_exit(room < 8 || sessions_bytes(sessions_for(room), 32) > low.rlim_cur / 4);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Slots come back when what had them is reclaimed, and not before. */
static void slots_are_used_again(void **state)
{
	struct lm_error err;
	struct side mix, last;

	(void)state;
	make_topology();
	side_open(&mix, 1, -1);
	side_open(&last, 3, -1);
	take(&mix, 1);
	for (unsigned i = 0; i < 20; i++) {
		take(&last, 3);
		talk(&mix, 1, &last, 3);
		assert_true(pass(&mix, 1, &last, 3, 0));
		lm_rand(&secret[3], sizeof(secret[3]));
		lm_x25519_base_burst(&node[3].link, &secret[3], 1);
		assert_int_equal(prepare(&mix, 1, NULL, 0, &err), 0);
		sessions_commit(mix.sessions);
		assert_true(sessions_reclaim(mix.sessions, sessions_mark(mix.sessions)));
		side_close(&last);
		side_open(&last, 3, -1);
		now_us += 1000000;
		wall_us += 1000000;
	}
	close_both(&mix, &last);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_grows_past_what_it_was_at_the_start),
		cmocka_unit_test(memory_follows_what_a_table_holds),
		cmocka_unit_test(what_does_not_fit_is_told_before_it_is_taken),
		cmocka_unit_test(a_low_limit_on_locked_memory_leaves_less_room),
		cmocka_unit_test(slots_are_used_again),
	};
	struct lm_error err;

	if (lm_base_init(&err) != 0)
		return 1;
	return RUN_TESTS(tests);
}
