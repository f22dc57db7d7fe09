/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Wipes what functions leave behind when they return: vector, mask and general registers, and the
 * stack that they have used. All registers that the CPU has, whatever the caller was compiled for:
 * the C library copies memory through the widest ones.
 */
#include "lm_base.h"

static bool has_avx2, has_avx512;

/* Before main, because asking is slow: on a virtual machine CPUID leaves it. */
__attribute__((constructor)) static void ask_once(void)
{
	has_avx2 = lm_cpu_has(LM_CPU_AVX2);
	has_avx512 = lm_cpu_has(LM_CPU_AVX512);
}

static void wipe_sse(void)
{
	__asm__ volatile(".irp i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n\t"
			 "pxor %%xmm\\i, %%xmm\\i\n\t"
			 ".endr" ::
				 : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
				   "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
				   "xmm15");
}

static __attribute__((target("avx2"))) void wipe_avx2(void)
{
	__asm__ volatile("vzeroall" ::
				 : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
				   "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
				   "xmm15");
}

/* vzeroall clears the low sixteen registers in full width, and never reaches the high sixteen. */
static __attribute__((target("avx512f"))) void wipe_avx512(void)
{
	wipe_avx2();
	__asm__ volatile(".irp i, 16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n\t"
			 "vpxord %%zmm\\i, %%zmm\\i, %%zmm\\i\n\t"
			 ".endr\n\t"
			 ".irp i, 0,1,2,3,4,5,6,7\n\t"
			 "kxorw %%k\\i, %%k\\i, %%k\\i\n\t"
			 ".endr" ::
				 : "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22",
				   "xmm23", "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29",
				   "xmm30", "xmm31", "k1", "k2", "k3", "k4", "k5", "k6", "k7");
}

void lm_wipe_registers(void)
{
	if (has_avx512)
		wipe_avx512();
	else if (has_avx2)
		wipe_avx2();
	else
		wipe_sse();
	/* Those that a function need not preserve. */
	__asm__ volatile(".irp r, eax,ecx,edx,esi,edi,r8d,r9d,r10d,r11d\n\t"
			 "xorl %%\\r, %%\\r\n\t"
			 ".endr" ::
				 : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11",
				   "cc");
}

/* No frame of its own, which would leave a gap below its caller's. */
__attribute__((naked)) void lm_wipe_stack(__attribute__((unused)) size_t n)
{
	__asm__("movq %rdi, %rcx\n\t"
		"subq %rdi, %rsp\n\t"
		"movq %rsp, %rdi\n\t"
		"xorl %eax, %eax\n\t"
		"shrq $3, %rcx\n\t"
		"rep stosq\n\t"
		"movq %rdi, %rsp\n\t"
		"ret");
}
