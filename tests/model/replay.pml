/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The insert of lib/replay/replay.c: three threads with bursts of two tags, equal ones and different
 * ones that want the same slots, in a table of two lines of two slots; and a process that is killed
 * at any step, after which another one attaches and inserts every tag again. An atomic block has one
 * access to shared memory at most.
 *
 * Variants that must fail: BREAK_STORE, BREAK_PASS, BREAK_SHARES, BREAK_RETURN, BREAK_ATTACH.
 */
#ifndef CAPACITY
#define CAPACITY 3 /* of four slots */
#endif
#define LINES 2
#define SLOTS 2
#define TAGS  4
#define BURST 2
#define LAST  1 /* LM_REPLAY_LAST: the last share is taken alone */

/* A tag is its fingerprint, 1 to 4; the first three walk from line 0, the last from line 1. */
#define HOME(tag) ((tag) == 4 -> 1 : 0)

byte slot[LINES * SLOTS];
byte count;
bool killed;
byte finished;

/* What is seen by the model alone: how often a tag was new, and how many slots are filled. */
byte fresh[TAGS + 1];
byte filled;

#define LOCALS                                                      \
	byte tag[BURST], at[BURST], visited[BURST], look[SLOTS];    \
	bool walks[BURST];                                          \
	byte shares, known, vacant, j;                              \
	bool again

#define SLOT(i)  slot[at[j] * SLOTS + (i)]
#define WALKING  (walks[0] + walks[1])

/* What both looks at a line have read says what to do; `again` if there may be an empty slot. */
inline decide()
{
	again = false;
	if
	:: look[0] == tag[j] || look[1] == tag[j] -> walks[j] = false
	:: else ->
		if
		:: look[0] != 0 && look[1] != 0 -> walk_on()
		:: else -> again = true; vacant = (look[0] == 0 -> 0 : 1)
		fi
	fi;
	look[0] = 0;
	look[1] = 0
}

/* Full of others: the next line, or refused after the last one. */
inline walk_on()
{
	at[j] = (at[j] + 1) % LINES;
	visited[j]++;
	walks[j] = visited[j] < LINES
}

/* take_shares: for all tags of the burst that still walk, or one; none if there is none. */
#define TAKE (CAPACITY - known > LAST -> WALKING : 1)
inline take_shares()
{
	atomic { known = count };
	do
	:: atomic { known >= CAPACITY -> known = 0; break }
	:: atomic { known < CAPACITY && count == known ->
		shares = TAKE; count = count + shares; known = 0; break }
	:: atomic { known < CAPACITY && count != known ->
#ifdef BREAK_SHARES
		shares = TAKE; /* stays, though the next look may find no room */
#endif
		known = count }
	od
}

/* The compare-and-swap, for a tag with a share. */
inline exchange()
{
	atomic {
		if
#ifdef BREAK_STORE
		:: true ->
#else
		:: SLOT(vacant) == 0 ->
#endif
			filled = filled + (SLOT(vacant) == 0);
			SLOT(vacant) = tag[j];
			fresh[tag[j]]++;
			shares--;
			walks[j] = false;
			again = false
#ifndef BREAK_STORE
		:: else ->
			skip
#ifdef BREAK_PASS
			; walk_on();
			again = false
#endif
#endif
		fi;
		vacant = 0
	}
}

/* One line of a walk. The slots of a line are read one by one, in no promised order. */
inline visit()
{
	do
	::	if
		:: atomic { look[0] = SLOT(0) }; atomic { look[1] = SLOT(1); decide() }
		:: atomic { look[1] = SLOT(1) }; atomic { look[0] = SLOT(0); decide() }
		fi;
		if
		:: !again -> break
		:: again && shares > 0
		:: again && shares == 0 -> take_shares()
		fi;
		if
		:: shares == 0 -> atomic { again = false; walks[j] = false; vacant = 0; break }
		:: shares > 0 -> exchange()
		fi;
		if
		:: !again -> break
		:: else
		fi
	od
}

/* lm_replay_insert: rounds of one line a walk. */
inline insert(first, second)
{
	atomic {
		tag[0] = first;
		tag[1] = second;
		at[0] = HOME(first);
		at[1] = HOME(second);
		walks[0] = true;
		walks[1] = true;
		visited[0] = 0;
		visited[1] = 0;
		j = 0
	};
	do
	:: WALKING > 0 ->
		if
		:: walks[j] -> visit()
		:: else
		fi;
		j = 1 - j
	:: WALKING == 0 -> break
	od;
#ifndef BREAK_RETURN
	atomic { count = count - shares; shares = 0 }
#endif
}

proctype worker(byte first; byte second) provided (!killed)
{
	LOCALS;

	insert(first, second);
	finished++
}

/* The slot that a walk has reached. */
#define HELD slot[(HOME(tag) * SLOTS + walk) % (LINES * SLOTS)]

/* The next process takes the set over and inserts every tag again, alone: one step for the model. */
inline inherit()
{
	d_step {
#ifndef BREAK_ATTACH
		count = filled; /* lm_replay_attach counts the slots */
#endif
		tag = 1;
		do
		:: tag <= TAGS ->
			walk = 0;
			do
			:: walk < LINES * SLOTS && HELD != 0 && HELD != tag -> walk++
			:: else -> break
			od;
			if
			:: walk < LINES * SLOTS && HELD == 0 && count < CAPACITY ->
				HELD = tag; fresh[tag]++; filled++; count++
			:: else
			fi;
			tag++
		:: else -> break
		od;
		tag = 0;
		walk = 0
	}
	/* places that were lost with the process are there again: four tags want CAPACITY */
	assert(filled == CAPACITY && count == filled)
}

/* At a step of its own choice, or never. */
proctype killer()
{
	if
	:: atomic { finished < 3 -> killed = true }
	:: finished == 3
	fi
}

init
{
	byte tag, walk;

	atomic {
		run worker(1, 2);
		run worker(1, 3);
		run worker(4, 2);
		run killer()
	};
	if
	:: killed
	:: finished == 3 && !killed -> assert(count == filled)
	fi;
	inherit();
	finished = 4
}

#define once(t) (fresh[t] <= 1)

/* Of equal tags at most one is new, over both lives; the capacity is never passed. */
ltl safe { [] (once(1) && once(2) && once(3) && once(4) && filled <= count && count <= CAPACITY) }
/* Every insert returns. */
ltl ends { <> (finished == 4) }
