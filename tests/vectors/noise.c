/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Answers of the Noise framework as cacophony and snow publish them: handshakes of
 * Noise_IK_25519_ChaChaPoly_BLAKE2b, both ends with the keys of the file, and the transport
 * messages after them through lib/symmetric. Other protocols of the file are skipped: links speak
 * this one.
 */
#include <string.h>

#include "noise.h"
#include "third_party.h"

static const char ik[] = "Noise_IK_25519_ChaChaPoly_BLAKE2b";

static bool recognise(const json_t *root)
{
	const json_t *first = json_array_get(json_object_get(root, "vectors"), 0);
	const char *name = json_string_value(json_object_get(first, "protocol_name"));

	return name && strncmp(name, "Noise_", 6) == 0;
}

static unsigned count(const struct node *root)
{
	struct node vectors = node_get(root, "vectors");

	return (unsigned)node_count(&vectors);
}

/* One end of a handshake. */
struct party {
	struct noise noise;
	struct lm_secret secret, ephemeral;
	struct lm_point public;
};

static void read_party(struct party *party, const struct node *vector, const char *secret,
		       const char *ephemeral)
{
	get_bytes(vector, secret, &party->secret, sizeof(party->secret));
	get_bytes(vector, ephemeral, &party->ephemeral, sizeof(party->ephemeral));
	lm_x25519_base_burst(&party->public, &party->secret, 1);
}

/* A message of the file: what goes in and what goes over the wire. */
struct message {
	uint8_t *payload, *wire, *got;
	size_t payload_len, wire_len;
};

static void read_message(struct message *message, const struct node *messages, size_t i,
			 size_t overhead)
{
	struct node node = node_at(messages, i);

	message->payload = get_blob(&node, "payload", &message->payload_len);
	message->wire = get_blob(&node, "ciphertext", &message->wire_len);
	if (message->payload_len == 0 || message->wire_len != message->payload_len + overhead)
		malformed(&node, "payload and ciphertext do not go together");
	message->got = check_alloc(message->wire_len);
}

static void free_message(struct message *message)
{
	free(message->payload);
	free(message->wire);
	free(message->got);
}

static void start(struct party *party, const struct node *vector, const char *prologue,
		  const struct lm_point *responder)
{
	size_t len;
	uint8_t *bytes = get_blob(vector, prologue, &len);

	noise_start(&party->noise, bytes, len, responder);
	free(bytes);
}

static bool initiation_right(struct party *initiator, struct party *responder,
			     const struct message *message)
{
	struct lm_point ss, claimed;
	size_t len = message->payload_len;

	return lm_x25519_burst(&ss, &initiator->secret, &responder->public, 1) == 1 &&
	       noise_write_initiation(&initiator->noise, message->got, &initiator->ephemeral,
				      &initiator->public, &ss, &responder->public, message->payload,
				      len) &&
	       memcmp(message->got, message->wire, message->wire_len) == 0 &&
	       noise_read_static(&responder->noise, &claimed, message->wire, &responder->secret) &&
	       memcmp(&claimed, &initiator->public, sizeof(claimed)) == 0 &&
	       noise_read_payload(&responder->noise, message->got,
				  message->wire + 32 + NOISE_STATIC, len, &ss) &&
	       memcmp(message->got, message->payload, len) == 0;
}

static bool response_right(struct party *initiator, struct party *responder,
			   const struct message *message)
{
	size_t len = message->payload_len;
	struct lm_point ephemeral;

	lm_x25519_base_burst(&ephemeral, &initiator->ephemeral, 1);
	return noise_write_response(&responder->noise, message->got, &responder->ephemeral,
				    &ephemeral, &initiator->public, message->payload, len) &&
	       memcmp(message->got, message->wire, message->wire_len) == 0 &&
	       noise_read_response(&initiator->noise, message->got, message->wire, len,
				   &initiator->ephemeral, &initiator->secret) &&
	       memcmp(message->got, message->payload, len) == 0;
}

/* Message n of one direction, sealed and opened by the burst functions of this backend. */
static bool transport_right(struct lm_symmetric *symmetric, const struct lm_secret *secret,
			    uint64_t n, const struct message *message)
{
	size_t len = message->payload_len;
	struct lm_nonce nonce = {{0}};
	struct lm_key key;
	struct lm_mac mac;

	memcpy(key.b, secret->b, sizeof(key.b));
	memcpy(nonce.b + 4, &n, sizeof(n));
	memcpy(message->got, message->payload, len);
	lm_symmetric_aead_seal(symmetric, &mac, &message->got, len, &key, &nonce, 1);
	if (memcmp(message->got, message->wire, len) != 0 ||
	    memcmp(&mac, message->wire + len, sizeof(mac)) != 0)
		return false;
	return lm_symmetric_aead_open(symmetric, &message->got, len, &mac, &key, &nonce, NULL, 1) ==
		       1 &&
	       memcmp(message->got, message->payload, len) == 0;
}

static void check_transport(const struct item *item, const struct node *messages,
			    struct lm_symmetric *symmetric, struct party *initiator,
			    struct party *responder)
{
	struct lm_secret of_initiator[2], of_responder[2];

	noise_split(&initiator->noise, &of_initiator[0], &of_initiator[1]);
	noise_split(&responder->noise, &of_responder[0], &of_responder[1]);
	item_check(item, memcmp(of_initiator, of_responder, sizeof(of_initiator)) == 0,
		   "the ends have different keys");
	for (size_t i = 2; i < node_count(messages); i++) {
		struct message message;

		read_message(&message, messages, i, NOISE_TAG);
		item_check(item,
			   transport_right(symmetric, &of_initiator[i % 2], i / 2 - 1, &message),
			   "wrong transport message");
		free_message(&message);
	}
}

static void check_hash(const struct item *item, const struct party *initiator,
		       const struct party *responder)
{
	uint8_t want[NOISE_HASH];

	if (!node_has(&item->node, "handshake_hash"))
		return;
	get_bytes(&item->node, "handshake_hash", want, sizeof(want));
	item_check(item,
		   memcmp(initiator->noise.h, want, sizeof(want)) == 0 &&
			   memcmp(responder->noise.h, want, sizeof(want)) == 0,
		   "wrong handshake hash");
}

static void check_vector(const struct item *item, struct lm_symmetric *symmetric)
{
	struct node messages = node_get(&item->node, "messages");
	struct party initiator, responder;
	struct message message;
	struct lm_point remote;
	bool right;

	read_party(&initiator, &item->node, "init_static", "init_ephemeral");
	read_party(&responder, &item->node, "resp_static", "resp_ephemeral");
	get_bytes(&item->node, "init_remote_static", &remote, sizeof(remote));
	item_check(item, memcmp(&remote, &responder.public, sizeof(remote)) == 0,
		   "wrong public key");
	start(&initiator, &item->node, "init_prologue", &responder.public);
	start(&responder, &item->node, "resp_prologue", &responder.public);
	read_message(&message, &messages, 0, 32 + NOISE_STATIC + NOISE_TAG);
	right = item_check(item, initiation_right(&initiator, &responder, &message),
			   "wrong initiation");
	free_message(&message);
	read_message(&message, &messages, 1, 32 + NOISE_TAG);
	right = right && item_check(item, response_right(&initiator, &responder, &message),
				    "wrong response");
	free_message(&message);
	if (!right)
		return;
	check_hash(item, &initiator, &responder);
	check_transport(item, &messages, symmetric, &initiator, &responder);
}

static void check(const struct node *root, struct lm_symmetric *symmetric)
{
	struct node vectors = node_get(root, "vectors");

	for (unsigned i = 0; i < node_count(&vectors); i++) {
		struct item item = {i, node_at(&vectors, i)};
		struct node name = node_get(&item.node, "protocol_name");
		struct node psks = {0};

		if (node_has(&item.node, "init_psks"))
			psks = node_get(&item.node, "init_psks");
		if (strcmp(node_string(&name), ik) != 0 || (psks.json && node_count(&psks) > 0))
			item_skipped(&item);
		else
			check_vector(&item, symmetric);
	}
}

const struct third_party noise_framework = {recognise, count, check};
