/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The hand-over worker -> mixer -> worker of app/relay (stage_route.c, mixer.c, stage_tx.c): two
 * workers, each with a ring to the mixer and one from it, a pool, and one worker whose NIC may stop
 * taking packets for ever. A ring is one of rte_ring with a single producer and a single consumer:
 * slots, and two indices that each side publishes after it has touched the slots.
 *
 * Variants that must fail: BREAK_PUBLISH, BREAK_ROOM, BREAK_WAIT, BREAK_GIVE.
 */
#define WORKERS 2
#define RECEIVES (2 - id) /* packets of a worker, in bursts of one or two */
#define PACKETS 3         /* of both */
#ifndef SIZE
#define SIZE 1 /* places of a ring: fewer than a burst */
#endif
#define POOL    2 /* packets that the mixer may hold */

/* Ring w leads from worker w to the mixer, ring WORKERS + w from the mixer to worker w. */
typedef ring {
	byte slot[SIZE];
	byte head; /* put in, published by the producer */
	byte tail; /* taken out, published by the consumer */
};
ring rings[2 * WORKERS];

/* Where a packet is, 1 to PACKETS. It may move one step on at a time, and never back. */
#define NOWHERE 0 /* not yet received */
#define WORKER  1 /* in a worker's hands, received */
#define INWARDS 2 /* on the ring to the mixer */
#define HELD    3
#define OUTWARDS 4
#define SENT    5
#define DROPPED 6
byte place[PACKETS + 1];
byte ended; /* packets sent or dropped */
bool stuck; /* the NIC of worker 1 takes nothing more */
bool turn;  /* changes with every step of the mixer */

#define USED(r) (rings[r].head - rings[r].tail)
#define ROOM(r) (SIZE - USED(r))

inline move(packet, from, to)
{
	assert(place[packet] == from);
	place[packet] = to;
	ended = ended + (to == SENT || to == DROPPED)
}

/* The producer's half: the slot, and then the index that the consumer reads. */
inline put(r, packet)
{
#ifdef BREAK_PUBLISH
	atomic { at = rings[r].head; rings[r].head++ };
	atomic { rings[r].slot[at % SIZE] = packet; at = 0 }
#else
	atomic { rings[r].slot[rings[r].head % SIZE] = packet };
	atomic { rings[r].head++ }
#endif
}

/* The consumer's half: the slot is free for the producer only when it has been read. */
inline take(r, packet)
{
	atomic { packet = rings[r].slot[rings[r].tail % SIZE]; rings[r].slot[rings[r].tail % SIZE] = 0 };
	atomic { rings[r].tail++ }
}

/* stage_route: what has no room is drawn from the burst and dropped, the rest is put in. */
inline hand_over()
{
#ifndef BREAK_ROOM
	room = ROOM(id); /* can only grow: this worker alone puts in */
	do
	:: n > room ->
		atomic {
			if
			:: true -> move(burst[0], WORKER, DROPPED); burst[0] = burst[n - 1]
			:: n > 1 -> move(burst[1], WORKER, DROPPED)
			fi;
			n--
		}
	:: else -> break
	od;
#endif
	do
	:: n > 0 ->
		assert(ROOM(id) > 0);
		atomic { packet = burst[0]; burst[0] = burst[1]; burst[1] = 0; move(packet, WORKER, INWARDS) };
		put(id, packet);
		atomic { packet = 0; n-- }
	:: else -> break
	od;
	room = 0
}

proctype worker(byte id)
{
	byte received, n, room, packet, at;
	byte burst[2];

	do
	:: atomic { received < RECEIVES -> /* rx of one or of two */
		received++;
		n = 1;
		burst[0] = id * 2 + received;
		move(burst[0], NOWHERE, WORKER);
		if
		:: received < RECEIVES ->
			received++;
			n = 2;
			burst[1] = id * 2 + received;
			move(burst[1], NOWHERE, WORKER)
		:: true
		fi };
		hand_over()
	:: USED(WORKERS + id) > 0 && !(stuck && id == 1) -> /* tx */
		take(WORKERS + id, packet);
		atomic { move(packet, OUTWARDS, SENT); packet = 0 }
	:: atomic { id == 1 && !stuck -> stuck = true }
	od
}

/* mixer_step: takes from every worker, then gives if every ring out has room: it never waits. */
proctype mixer()
{
	byte packet, at, w, room;
	byte pool[POOL], held;

end:	do
	:: true ->
		w = 0;
		do
		:: w < WORKERS ->
			if
			:: USED(w) > 0 ->
				take(w, packet);
				atomic {
					if
					:: held < POOL -> move(packet, INWARDS, HELD); pool[held] = packet; held++
					:: else -> move(packet, INWARDS, DROPPED)
					fi;
					packet = 0
				}
			:: else
			fi;
			w++
		:: else -> break
		od;
		atomic {
			w = 0;
			room = (ROOM(WORKERS) < ROOM(WORKERS + 1) -> ROOM(WORKERS) : ROOM(WORKERS + 1))
		};
#ifdef BREAK_GIVE
		room = SIZE;
#endif
#ifdef BREAK_WAIT
		if
		:: held > 0 -> ROOM(WORKERS) > 0 && ROOM(WORKERS + 1) > 0; room = 1
		:: else
		fi;
#endif
		if
		:: held > 0 && room > 0 -> /* the pool's next leaver and its sender are drawn */
			atomic {
				if
				:: true -> packet = pool[0]; pool[0] = pool[held - 1]
				:: held > 1 -> packet = pool[held - 1]
				fi;
				held--;
				pool[held] = 0;
				move(packet, HELD, OUTWARDS);
				if
				:: w = 0
				:: w = 1
				fi
			};
			assert(ROOM(WORKERS + w) > 0);
			put(WORKERS + w, packet);
			packet = 0
		:: else
		fi;
		atomic { w = 0; room = 0; turn = !turn }
	od
}

init
{
	atomic {
		run worker(0);
		run worker(1);
		run mixer()
	}
}

/*
 * The mixer's steps never end, even when a worker sends nothing for ever. And nothing is lost: unless
 * a NIC is stuck, every packet ends; the assertions say that it does so only once.
 */
ltl goes_on { ([] <> turn) && ([] <> !turn) && <> (stuck || ended == PACKETS) }
/* The assertions alone, without fairness, for which a search is quicker. */
ltl once { [] (ended <= PACKETS) }
