/* SPDX-License-Identifier: BSD-3-Clause */
/* See x25519_edges.h. Each family of points is a row of a table: how many, and which. */
#include "x25519_edges.h"

#include <string.h>

#include "testing.h"

static const struct lm_point prime = {{0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
				       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
				       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
				       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}};

/* All points of small order on the curve and its twist, and p and p + 1. */
static const char *const small_order[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

/* A multiple of the cofactor plus each point of small order: two groups on the curve and two on the
 * twist, computed with the affine formulas. */
static const char *const torsion[X25519_TORSION_GROUPS][8] = {
	{
		"978ac5c1a205148d4c1f62fabd9f21c1e904049f23b5797489676175ad0d942b",
		"25d98ea467a6f0be5198469cd3c0f706b559b1e58b1946ef7c7dd5d2521bcf07",
		"4f7466d17009574c4608622ddd3bbfa20d3d6d5d4554ca04e6899944b39e2c30",
		"05591a614c2877e90c64b170bfa080959e45f39925e4fd0bc07b1ca90ba6456b",
		"c63204c57693b7975b86948b8d0d0da0274d98eb7293cb5416bea1cf7029292b",
		"a9b7f2628a94f6f9be30d45411e9c7bda807b234cca925d9034d799b3f0a7738",
		"c0b1297cd7d7900a03467264eaa4f7247b5a166cd2ce044752728e8068ea2413",
		"c5a2098b2a6fb95e99af13087302245e8f9d1b534324bf97803fb54a59fd536c",
	},
	{
		"e78c7fbc6dac60b55fb21dfc39dcb98604525a10401328e481d2851cc1a2f73b",
		"35f82c16bab5cae2a3ff426a920b0c8c1235a37b3af75fd2c1dcb4f99be3b413",
		"f3205f710b50cfa747415866c1f7fa720e86ddf342a873abc66d2847b6e0684f",
		"d9be1e5b83da867927d86f36e2f097e849e040cda3898f044379b271691ed21d",
		"e88399d03d1fba3dd53f0a0822d89d89ff1cb39d237eb02ef03d969cbcfa4945",
		"f89f4d9629bd1f8e5581bcae5b8f418d65c5933fc9e6164a4e6667d34327d146",
		"267cbb8f36f986e9b163b5d3c78dc97f12fde16ba5c07c29e4b78cb552369639",
		"7f54fdfcfea8965cee3e4e58b5fb754e439a61d2f7c70043328a045984c58a56",
	},
	{
		"b9fba62e54d9ebadc36655eaa8ac4407ba3fdcfc01aecd067916124c3d350631",
		"a7d0ac3d3155d063786d9d4a2a6abd9720c6a50f6c751c0a9096f12985233265",
		"d1fa6a037ab0e3e221bc4be23e9fa558d6fe39c37c4cf8764e132e82ea33896c",
		"d3fae88bf7f39227333a7e871613c25e22a39e050f53495ac9daa90fa0397434",
	},
	{
		"f9ebb90f033c4828408d9cb27e4cafcff4a1f655e69d655cb3935dd68754bb0c",
		"fd935f094316a96d7ed8905f7a68e39285256d063749977ea32d9933d29a256f",
		"cb7544477ddf0b800182caa4f13b07e827924b236e810dc43fadf4fa480fe331",
		"d2a7fb328d18f83af07188bdbbebc3eb5c62ae20620668c3ee9dee2eb093a31c",
	},
};

static struct lm_point point_of(const char *hex)
{
	struct lm_point point;

	unhex(&point, hex, sizeof(point));
	return point;
}

static struct lm_point plus(struct lm_point point, int difference)
{
	int carry = difference;

	for (unsigned i = 0; i < sizeof(point.b); i++) {
		carry += point.b[i];
		point.b[i] = (uint8_t)carry;
		carry >>= 8;
	}
	return point;
}

/* p - 2000 to p + 18, which is the last below 2^255. */
static struct lm_point near_p(unsigned i)
{
	return plus(prime, (int)i - 2000);
}

static struct lm_point with_bit_255(unsigned i)
{
	struct lm_point point = near_p(1900 + i);

	point.b[31] |= 0x80;
	return point;
}

/* 2^bit - 4 to 2^bit + 4, for every bit: so for every limb of every radix. */
static struct lm_point near_power(unsigned i)
{
	struct lm_point point = {{0}};

	point.b[i / 9 / 8] = (uint8_t)(1u << i / 9 % 8);
	point = plus(point, (int)(i % 9) - 4);
	return point;
}

/* Each of five limbs of 52 bits zero, one or all ones, in every combination. */
static struct lm_point limbs_52(unsigned i)
{
	struct lm_point point = {{0}};

	for (unsigned limb = 0; limb < 5; limb++, i /= 3)
		for (unsigned bit = 52 * limb; bit < 52 * (limb + 1) && bit < 255; bit++)
			if (i % 3 == 2 || (i % 3 == 1 && bit == 52 * limb))
				point.b[bit / 8] |= (uint8_t)(1u << bit % 8);
	return point;
}

/* Each of nine limbs of 29 bits zero or all ones. */
static struct lm_point limbs_29(unsigned i)
{
	struct lm_point point = {{0}};

	for (unsigned bit = 0; bit < 255; bit++)
		if (i >> bit / 29 & 1)
			point.b[bit / 8] |= (uint8_t)(1u << bit % 8);
	return point;
}

static struct lm_point of_small_order(unsigned i)
{
	return point_of(small_order[i]);
}

static struct lm_point translate(unsigned i)
{
	return x25519_torsion(i / 8, i % 8 % x25519_torsion_size(i / 8));
}

static const struct {
	unsigned count;
	struct lm_point (*point)(unsigned i);
} families[] = {
	{2019, near_p},  {119, with_bit_255}, {255 * 9, near_power},
	{243, limbs_52}, {512, limbs_29},     {LM_COUNT(small_order), of_small_order},
	{32, translate},
};

unsigned x25519_edge_count(void)
{
	unsigned count = 0;

	for (unsigned f = 0; f < LM_COUNT(families); f++)
		count += families[f].count;
	return count;
}

struct lm_point x25519_edge(unsigned i)
{
	unsigned f = 0;

	for (; i >= families[f].count; f++)
		i -= families[f].count;
	return families[f].point(i);
}

unsigned x25519_torsion_size(unsigned group)
{
	return group < 2 ? 8 : 4;
}

struct lm_point x25519_torsion(unsigned group, unsigned j)
{
	return point_of(torsion[group][j]);
}
