/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An epoch's end in app/relay (run.c refresh_view, lcore.c, worker.c, stage_replay.c): control makes
 * a view without the oldest key and with a new one, publishes it, waits until every worker has
 * passed a quiescent state (rte_rcu_qsbr), and erases the old key with its replay set; twice. All
 * the while the same packets come again and again to two workers.
 *
 * Variants that must fail: BREAK_WAIT, BREAK_ORDER, BREAK_SET, BREAK_CACHE, BREAK_QUIET.
 */
#define WORKERS 2
#define SWAPS   2
#define KEYS    (SWAPS + 2) /* view v accepts keys v and v + 1 */
#define KID(key) ((key) % 3) /* of a key: a small number that comes again */

byte view;           /* the published one, of 0 to SWAPS */
bool erased[KEYS];   /* key and set */
byte ended;          /* swaps that are over */
byte accepted[KEYS]; /* of the one packet that was made for each key */

/* The replay sets: one for each key, and the same in every view that accepts the key. */
#ifdef BREAK_SET
#define SET(view, key) set[(view) * KEYS + (key)]
bool set[(SWAPS + 1) * KEYS];
#else
#define SET(view, key) set[key]
bool set[KEYS];
#endif

/* rte_rcu_qsbr: what control has asked for, and what each worker has seen of it. */
byte token;
byte seen[WORKERS];

proctype worker(byte id)
{
	byte mine, packet, key;

#ifdef BREAK_CACHE
	mine = view; /* once, and not in every round */
#endif
	do
	:: true ->
#ifndef BREAK_CACHE
		mine = view;
#endif
		/* a packet for any key, also for one that is no more or not yet; its kid finds a key */
		if
		:: packet = 0
		:: packet = 1
		:: packet = 2
		:: packet = 3
		fi;
		key = KEYS;
		if
		:: KID(mine) == KID(packet) -> key = mine
		:: KID(mine + 1) == KID(packet) -> key = mine + 1
		:: else
		fi;
		if
		:: key < KEYS ->
			assert(!erased[key]); /* peel: with another key's packet the MAC is wrong */
			if
			:: key == packet ->
				assert(!erased[key]); /* test-and-set, one step: see replay.pml */
				atomic {
					if
					:: !SET(mine, key) -> SET(mine, key) = true; accepted[packet]++
					:: else
					fi
				}
			:: else
			fi
		:: else
		fi;
		atomic { key = 0; packet = 0 };
#ifdef BREAK_QUIET
		if
		:: id == 0 -> seen[id] = token
		:: else
		fi
#else
		seen[id] = token /* rte_rcu_qsbr_quiescent: no reference is held */
#endif
	od
}

/* rte_rcu_qsbr_synchronize */
inline synchronize()
{
	token++;
#ifndef BREAK_WAIT
	seen[0] >= token;
	seen[1] >= token
#endif
}

proctype control()
{
	do
	:: ended < SWAPS ->
#ifdef BREAK_ORDER
		erased[ended] = true;
#endif
		view = ended + 1;
		synchronize();
		erased[ended] = true;
		ended++
	:: else -> break
	od
}

init
{
	atomic {
		run worker(0);
		run worker(1);
		run control()
	}
}

#define once(key) (accepted[key] <= 1)

/* No packet is accepted twice, on whichever side of a swap; a use of what is erased asserts. */
ltl safe { [] (once(0) && once(1) && once(2) && once(3)) }
/* Every epoch ends. */
ltl ends { <> (ended == SWAPS) }
