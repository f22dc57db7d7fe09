/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the processor can do and the operating system allows: CPUID leaves 1 and 7, and XCR0 (Intel
 * SDM volume 1, 13.2). Compiled without any extension, so that asking is safe everywhere.
 */
#include <cpuid.h>

#include "lm_base.h"

#define XCR0_AVX    0x06u /* XMM and YMM state */
#define XCR0_AVX512 0xe6u /* these, opmasks and ZMM state */

struct leaves {
	uint32_t leaf1_ecx, leaf7_ebx, leaf7_ecx;
	uint32_t xcr0;
};

static struct leaves read_leaves(void)
{
	struct leaves got = {0};
	uint32_t eax, ebx, ecx, edx;

	if (__get_cpuid(1, &eax, &ebx, &ecx, &edx))
		got.leaf1_ecx = ecx;
	if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) {
		got.leaf7_ebx = ebx;
		got.leaf7_ecx = ecx;
	}
	if (got.leaf1_ecx & bit_OSXSAVE)
		__asm__ volatile("xgetbv" : "=a"(got.xcr0), "=d"(edx) : "c"(0));
	return got;
}

static bool all(uint32_t value, uint32_t bits)
{
	return (value & bits) == bits;
}

bool lm_cpu_has(enum lm_cpu_feature feature)
{
	struct leaves cpu = read_leaves();
	bool sse42 = all(cpu.leaf1_ecx, bit_SSE4_2 | bit_AES | bit_PCLMUL);
	bool avx2 = sse42 && all(cpu.leaf1_ecx, bit_AVX) && all(cpu.xcr0, XCR0_AVX) &&
		    all(cpu.leaf7_ebx, bit_AVX2 | bit_BMI2);
	bool avx512 = avx2 && all(cpu.xcr0, XCR0_AVX512) &&
		      all(cpu.leaf7_ebx,
			  bit_AVX512F | bit_AVX512DQ | bit_AVX512CD | bit_AVX512BW | bit_AVX512VL);

	switch (feature) {
	case LM_CPU_SSE42:
		return sse42;
	case LM_CPU_AVX2:
		return avx2;
	case LM_CPU_AVX512:
		return avx512;
	case LM_CPU_AVX512IFMA:
		return avx512 && all(cpu.leaf7_ebx, bit_AVX512IFMA) &&
		       all(cpu.leaf7_ecx, bit_AVX512VBMI);
	case LM_CPU_VAES:
		return avx512 && all(cpu.leaf7_ecx, bit_VAES | bit_VPCLMULQDQ);
	case LM_CPU_FEATURES:
		break;
	}
	return false;
}

const char *lm_cpu_feature_name(enum lm_cpu_feature feature)
{
	static const char *const names[LM_CPU_FEATURES] = {
		[LM_CPU_SSE42] = "sse4.2+aes+pclmul",
		[LM_CPU_AVX2] = "avx2",
		[LM_CPU_AVX512] = "avx512",
		[LM_CPU_AVX512IFMA] = "avx512ifma",
		[LM_CPU_VAES] = "vaes",
	};

	LM_ASSERT((unsigned)feature < LM_CPU_FEATURES);
	return names[feature];
}
