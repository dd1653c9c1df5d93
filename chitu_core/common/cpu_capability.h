#pragma once

#include <cstdint>
#include <string>

namespace chitu {

/// A set of vector instructions that kernels are compiled for. Each includes the ones before it.
enum class CpuCapability : std::uint8_t {
  baseline,  ///< "default": any x86-64, and every other architecture
  avx2,      ///< x86-64-v3: AVX2, FMA, F16C
  avx512,    ///< x86-64-v4: AVX-512 F, BW, CD, DQ, VL
};

/// "default", "avx2" or "avx512", the values of CHITU_CPU_CAPABILITY.
std::string to_string(CpuCapability capability);

/// Parses a capability, for a processor that has `most`.
///
/// throws  InputError, with CHITU_CPU_CAPABILITY, for an unknown name and for one above `most`
CpuCapability parse_capability(const std::string& name, CpuCapability most);

/// The capability of this processor.
CpuCapability machine_capability();

/// The capability that kernels may use: that of the processor, or less if the environment limits
/// it. CHITU_CPU_CAPABILITY (default, avx2, avx512) limits chitu's own kernels. When this library
/// is loaded it also sets the limits of libtorch (ATEN_CPU_CAPABILITY), oneDNN (ONEDNN_MAX_CPU_ISA)
/// and MKL (MKL_ENABLE_INSTRUCTIONS), which must happen before they run their first kernel. Without
/// it, the lowest of their own limits applies. The result never changes after the first call.
///
/// throws  InputError when CHITU_CPU_CAPABILITY is invalid or above what the processor has
CpuCapability cpu_capability();

/// Whether oneDNN has bfloat16 instructions for matrix products: AVX512-BF16, AMX-BF16, or
/// AVX-VNNI-INT8 with AVX-NE-CONVERT on a processor with AVX2. The environment can disable them.
/// Without them, products in bfloat16 are slower than in float32.
bool has_bfloat16_instructions();
/// Whether those bfloat16 instructions work on whole tiles (AMX-BF16).
bool has_bfloat16_tiles();
/// Likewise for float16: AVX512-FP16 or AMX-FP16.
bool has_float16_instructions();

}  // namespace chitu
