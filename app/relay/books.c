/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See books.h. The look that is judged is the middle one of three: a round that was under way when
 * its counters were read has ended, and raised `moves`, before the third.
 */
#include "books.h"

int64_t books_see(struct books *books, const struct books_look *look)
{
	bool still = books->looked && !books->last.moving && !look->moving &&
		     look->moves == books->last.moves;
	int64_t off = 0;

	if (still && books->still > 0)
		off = counters_off(&books->last.total, books->last.held);
	books->still = still ? books->still + 1 : 0;
	books->last = *look;
	books->looked = true;
	return off;
}
