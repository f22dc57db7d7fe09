/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether this CPU can run the vector backends. Compiled without their flags: asking is safe
 * everywhere.
 */
#include "usable.h"

bool lm_x25519_avx512ifma_usable(void)
{
	return lm_cpu_has(LM_CPU_AVX512IFMA);
}

bool lm_x25519_avx2_usable(void)
{
	return lm_cpu_has(LM_CPU_AVX2);
}
