#pragma once

#include <cstdint>
#include <string>

namespace chitu {

/// A set of vector instructions that kernels are compiled for. In order: each has what those before
/// it have.
enum class CpuCapability : std::uint8_t {
  baseline,  ///< "default": any x86-64, and every other architecture
  avx2,      ///< x86-64-v3: AVX2, FMA, F16C
  avx512,    ///< x86-64-v4: AVX-512 F, BW, CD, DQ, VL
};

/// "default", "avx2", "avx512", the values of CHITU_CPU_CAPABILITY.
std::string to_string(CpuCapability capability);

/// The capability of that name, on a processor that has `most`.
///
/// throws  InputError for another name, or one above `most`; the message names CHITU_CPU_CAPABILITY
CpuCapability parse_capability(const std::string& name, CpuCapability most);

/// What the processor has.
CpuCapability machine_capability();

/// What kernels may use here: the machine's own, or less where the environment says so. The
/// variable CHITU_CPU_CAPABILITY (default, avx2, avx512) is for chitu's own kernels and handed on
/// to libtorch (ATEN_CPU_CAPABILITY), oneDNN (ONEDNN_MAX_CPU_ISA) and MKL (MKL_ENABLE_INSTRUCTIONS)
/// when this library is loaded, which must be before they run their first kernel. Where one of
/// theirs is set instead, the least of them counts. The same in a run and in a plan, and the same
/// from the first call on.
///
/// throws  InputError when CHITU_CPU_CAPABILITY has another value, or asks for more than there is
CpuCapability cpu_capability();

/// Whether there are instructions for products of bfloat16 that the environment does not switch
/// off: AVX512-BF16, AMX-BF16, or what oneDNN takes in their place on a processor with AVX2
/// (AVX-VNNI-INT8 and AVX-NE-CONVERT). Then oneDNN computes on bfloat16. Without them, products of
/// bfloat16 are slower than those of float32.
bool has_bfloat16_instructions();
/// Whether products of bfloat16 are of whole tiles (AMX-BF16), and not switched off.
bool has_bfloat16_tiles();
/// As has_bfloat16_instructions(), of float16: AVX512-FP16 or AMX-FP16.
bool has_float16_instructions();

}  // namespace chitu
