/* SPDX-License-Identifier: BSD-3-Clause */
/* The questions that must not be compiled with the flags of the backends they are about. */
#pragma once

#include "lm_base.h"

bool lm_x25519_avx512ifma_usable(void);
bool lm_x25519_avx2_usable(void);
