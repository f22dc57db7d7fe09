/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See truth_report.h.
 */
#include "truth_report.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>

#include "report.h"

/* Packets of each kind, by their ends. */
struct books {
	uint64_t count[PACKET_KINDS][PACKET_ENDS];
};

static void make_books(struct books *books, const struct truth *truth)
{
	*books = (struct books){0};
	for (uint32_t i = 0; i < truth->packets; i++)
		books->count[truth->packet[i].kind][truth->packet[i].end]++;
}

static uint64_t made(const struct books *books, unsigned kind)
{
	uint64_t sum = 0;

	for (unsigned end = 0; end < PACKET_ENDS; end++)
		sum += books->count[kind][end];
	return sum;
}

static uint32_t id_of(const struct truth *truth, uint32_t place)
{
	return truth->topology->node[place].id;
}

/* ---- Text ---- */

static void print_books(FILE *to, const struct truth *truth)
{
	struct books books;

	make_books(&books, truth);
	fprintf(to, "%-12s %10s %10s %10s %10s %10s\n", "packets", "made", "delivered", "ended",
		"lost", "on their way");
	for (unsigned kind = 0; kind < PACKET_DUMMY; kind++) {
		const uint64_t *count = books.count[kind];

		if (made(&books, kind) == 0)
			continue;
		fprintf(to,
			"%-12s %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64
			"\n",
			packet_kind_name(kind), made(&books, kind), count[PACKET_DELIVERED],
			count[PACKET_ENDED], count[PACKET_LOST], count[PACKET_ON_ITS_WAY]);
	}
}

static void print_node(FILE *to, uint32_t id, const struct truth_node *node)
{
	fprintf(to,
		"%-10" PRIu32 " %8" PRIu64 " %8" PRIu64 " %9" PRIu64 " %8" PRIu64 " %8" PRIu64
		" %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64 "\n",
		id, node->came, node->left, node->forwarded, node->ended, node->made, node->missing,
		node->refused, node->unknown, node->again);
}

bool truth_report_text(FILE *to, const struct truth *truth)
{
	uint64_t other = 0;

	print_books(to, truth);
	fprintf(to, "\n%-10s %8s %8s %9s %8s %8s %8s %8s %8s %8s\n", "node", "came", "left",
		"forwarded", "ended", "made", "missing", "refused", "no key", "again");
	for (uint32_t i = 0; i < truth->topology->nodes; i++) {
		other += truth->node[i].other;
		if (truth->node[i].captured)
			print_node(to, id_of(truth, i), &truth->node[i]);
	}
	if (other > 0)
		fprintf(to,
			"\n%" PRIu64
			" frames between nodes are no bare packets: link frames, which "
			"no key of a node opens afterwards\n",
			other);
	if (truth->backwards > 0)
		fprintf(to,
			"\n%" PRIu64
			" packets came before they left: the captures' clocks differ\n",
			truth->backwards);
	return fflush(to) == 0 && !ferror(to);
}

/* ---- JSON ---- */

static void put(json_t *json, const char *name, uint64_t value)
{
	json_object_set_new(json, name, json_integer((json_int_t)value));
}

static json_t *books_json(const struct truth *truth)
{
	json_t *json = json_object();
	struct books books;

	make_books(&books, truth);
	for (unsigned kind = 0; kind < PACKET_DUMMY; kind++) {
		json_t *row = json_object();

		put(row, "made", made(&books, kind));
		for (unsigned end = 0; end < PACKET_ENDS; end++)
			put(row, packet_end_name(end), books.count[kind][end]);
		json_object_set_new(json, packet_kind_name(kind), row);
	}
	return json;
}

static json_t *node_json(uint32_t id, const struct truth_node *node)
{
	json_t *json = json_object();

	put(json, "id", id);
	put(json, "came", node->came);
	put(json, "left", node->left);
	put(json, "forwarded", node->forwarded);
	put(json, "ended", node->ended);
	put(json, "made", node->made);
	put(json, "missing", node->missing);
	put(json, "refused", node->refused);
	put(json, "unknown", node->unknown);
	put(json, "again", node->again);
	put(json, "other", node->other);
	return json;
}

static json_t *counts_json(const struct truth *truth)
{
	json_t *json = json_object(), *nodes = json_array();

	for (uint32_t i = 0; i < truth->topology->nodes; i++) {
		if (truth->node[i].captured)
			json_array_append_new(nodes, node_json(id_of(truth, i), &truth->node[i]));
	}
	put(json, "flights", truth->flights);
	put(json, "start_ns", truth->first_ns);
	put(json, "backwards", truth->backwards);
	json_object_set_new(json, "packets", books_json(truth));
	json_object_set_new(json, "captured", nodes);
	return json;
}

bool truth_report_json(FILE *to, const struct truth *truth)
{
	json_t *json = counts_json(truth);
	bool written = json_dumpf(json, to, JSON_INDENT(2)) == 0 && fputc('\n', to) != EOF &&
		       fflush(to) == 0;

	json_decref(json);
	return written;
}

/* ---- CSV ---- */

static void write_time(FILE *to, uint64_t ns)
{
	if (ns != 0)
		fprintf(to, ",%" PRIu64, ns);
	else
		fputc(',', to);
}

/* A packet's flights, one a row. */
static void write_packet(FILE *to, const struct truth *truth, uint32_t number)
{
	const struct truth_packet *packet = &truth->packet[number];

	for (uint32_t at = packet->first; at != TRUTH_NONE; at = truth->flight[at].next) {
		const struct truth_flight *flight = &truth->flight[at];
		uint64_t next_ns =
			flight->next == TRUTH_NONE ? 0 : truth->flight[flight->next].left_ns;

		fprintf(to, "%" PRIu32 ",%s,%s,%u,%" PRIu32 ",%" PRIu32, number,
			packet_kind_name(packet->kind), packet_end_name(packet->end), flight->hop,
			id_of(truth, flight->from), id_of(truth, flight->to));
		write_time(to, flight->left_ns);
		write_time(to, flight->came_ns);
		if (next_ns > 0 && flight->came_ns > 0)
			fprintf(to, ",%" PRId64 "\n", (int64_t)(next_ns - flight->came_ns));
		else
			fputs(",\n", to);
	}
}

int truth_write_csv(const char *path, const struct truth *truth, struct lm_error *err)
{
	FILE *to = fopen(path, "w");

	if (!to)
		return lm_error_set(err, errno, "%s: %s", path, strerror(errno));
	fputs("packet,kind,end,hop,from,to,left_ns,came_ns,held_ns\n", to);
	for (uint32_t i = 0; i < truth->packets; i++)
		write_packet(to, truth, i);
	return report_close(to, path, err);
}
