/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading known answers out of JSON. The files are hostile: every access checks and names the place
 * of what is wrong.
 */
#include <stdio.h>
#include <string.h>

#include "check.h"

void malformed(const struct node *node, const char *problem)
{
	fprintf(stderr, "%s: %s: %s\n", check_file_name(),
		node->place[0] ? node->place : "top level", problem);
	exit(1);
}

bool node_has(const struct node *object, const char *key)
{
	return json_object_get(object->json, key) != NULL;
}

struct node node_get(const struct node *object, const char *key)
{
	struct node node = {.json = json_object_get(object->json, key)};

	snprintf(node.place, sizeof(node.place), "%.80s%s%.40s", object->place,
		 object->place[0] ? "." : "", key);
	if (!json_is_object(object->json))
		malformed(object, "not an object");
	if (!node.json)
		malformed(&node, "missing");
	return node;
}

size_t node_count(const struct node *array)
{
	if (!json_is_array(array->json))
		malformed(array, "not an array");
	return json_array_size(array->json);
}

struct node node_at(const struct node *array, size_t i)
{
	struct node node = {.json = json_array_get(array->json, i)};

	snprintf(node.place, sizeof(node.place), "%.100s[%zu]", array->place, i);
	if (!node.json)
		malformed(&node, "missing");
	return node;
}

const char *node_string(const struct node *node)
{
	if (!json_is_string(node->json))
		malformed(node, "not a string");
	return json_string_value(node->json);
}

uint32_t node_uint(const struct node *node, uint32_t max)
{
	json_int_t value = json_integer_value(node->json);
	char problem[64];

	snprintf(problem, sizeof(problem), "not a whole number in 0 .. %u", max);
	if (!json_is_integer(node->json) || value < 0 || value > (json_int_t)max)
		malformed(node, problem);
	return (uint32_t)value;
}

void node_bytes(const struct node *node, void *out, size_t n)
{
	char problem[64];

	snprintf(problem, sizeof(problem), "not the hexadecimal digits of %zu bytes", n);
	if (!lm_hex_decode(out, node_string(node), n))
		malformed(node, problem);
}

uint8_t *node_blob(const struct node *node, size_t *n)
{
	const char *text = node_string(node);
	uint8_t *blob;

	*n = strlen(text) / 2;
	blob = malloc(*n > 0 ? *n : 1);
	if (!blob)
		malformed(node, "too long for this machine's memory");
	if (!lm_hex_decode(blob, text, *n))
		malformed(node, "not hexadecimal digits of whole bytes");
	return blob;
}

uint32_t get_uint(const struct node *object, const char *key, uint32_t max)
{
	struct node node = node_get(object, key);

	return node_uint(&node, max);
}

void get_bytes(const struct node *object, const char *key, void *out, size_t n)
{
	struct node node = node_get(object, key);

	node_bytes(&node, out, n);
}

uint8_t *get_blob(const struct node *object, const char *key, size_t *n)
{
	struct node node = node_get(object, key);

	return node_blob(&node, n);
}
