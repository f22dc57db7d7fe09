/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See residue.h:
 *
 * void residue_call(struct residue_registers *registers, void (*call)(void *argument), void *argument,
 *		     void *stack_end, unsigned width);
 *
 * Clears the registers, makes the call on the given stack, and writes down every register
 * before anything else can use one. width: 0 for SSE, 1 for AVX, 2 for AVX-512.
 */
	.intel_syntax noprefix
	.text
	.globl residue_call
	.type residue_call, @function
residue_call:
	.cfi_startproc
	endbr64
	push rbx
	push rbp
	push r12
	push r13
	push r14
	push r15
	mov rbx, rdi
	mov r12, rsp
	mov r13d, r8d
	mov rsp, rcx
	mov rdi, rdx

	.irp i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	pxor xmm\i, xmm\i
	.endr
	cmp r13d, 1
	jb 1f
	vzeroall
	je 1f
	.irp i, 16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	vpxorq zmm\i, zmm\i, zmm\i
	.endr
1:	mov rax, rsi
	xor ecx, ecx
	xor edx, edx
	xor esi, esi
	xor r8d, r8d
	xor r9d, r9d
	xor r10d, r10d
	xor r11d, r11d
	xor ebp, ebp
	xor r14d, r14d
	xor r15d, r15d
	call rax

	mov [rbx + 0], rax
	mov [rbx + 8], rcx
	mov [rbx + 16], rdx
	mov [rbx + 24], rsi
	mov [rbx + 32], rdi
	mov [rbx + 40], r8
	mov [rbx + 48], r9
	mov [rbx + 56], r10
	mov [rbx + 64], r11
	.irp i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	movups [rbx + 128 + 64 * \i], xmm\i
	.endr
	cmp r13d, 1
	jb 2f
	.irp i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	vmovdqu [rbx + 128 + 64 * \i], ymm\i
	.endr
	je 2f
	.irp i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	vmovdqu64 [rbx + 128 + 64 * \i], zmm\i
	.endr
	.irp i, 0,1,2,3,4,5,6,7
	kmovq [rbx + 128 + 64 * 32 + 8 * \i], k\i
	.endr
	vzeroupper
2:	mov rsp, r12
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbp
	pop rbx
	ret
	.cfi_endproc
	.size residue_call, . - residue_call
	.section .note.GNU-stack, "", @progbits
