/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DPDK 23.03 gave a function of its telemetry another name and deprecates the one of 22.11.
 */
#pragma once

#include <rte_telemetry.h>
#include <rte_version.h>

#if RTE_VERSION >= RTE_VERSION_NUM(23, 3, 0, 0)
#define rte_tel_data_add_dict_u64  rte_tel_data_add_dict_uint
#define rte_tel_data_add_array_u64 rte_tel_data_add_array_uint
#endif
