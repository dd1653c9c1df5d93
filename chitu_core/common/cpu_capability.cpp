#include "chitu_core/common/cpu_capability.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/common/expected.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace chitu {
namespace {

constexpr const char* kVariable = "CHITU_CPU_CAPABILITY";

/// The name of each capability in chitu and in the libraries.
struct Names {
  CpuCapability capability;
  const char* ours;
  const char* aten;
  const char* onednn;
  const char* mkl;
};
constexpr std::array<Names, 3> kNames{
    {{CpuCapability::baseline, "default", "default", "SSE41", "SSE4_2"},
     {CpuCapability::avx2, "avx2", "avx2", "AVX2", "AVX2"},
     {CpuCapability::avx512, "avx512", "avx512", "DEFAULT", ""}}};

/// The limits of oneDNN, and what each of them leaves enabled.
struct OneDnnLimit {
  const char* name;
  CpuCapability leaves;
  bool bfloat16;
  bool float16;
  bool tiles = false;  ///< AMX
};
constexpr OneDnnLimit kOneDnnLimits[] = {
    {"SSE41", CpuCapability::baseline, false, false},
    {"AVX", CpuCapability::baseline, false, false},
    {"AVX2", CpuCapability::avx2, false, false},
    {"AVX2_VNNI", CpuCapability::avx2, false, false},
    {"AVX2_VNNI_2", CpuCapability::avx2, true, true},
    {"AVX512_CORE", CpuCapability::avx512, false, false},
    {"AVX512_CORE_VNNI", CpuCapability::avx512, false, false},
    {"AVX512_CORE_BF16", CpuCapability::avx512, true, false},
    {"AVX512_CORE_AMX", CpuCapability::avx512, true, true, true},
    {"AVX512_CORE_FP16", CpuCapability::avx512, true, true}};

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  });
  return text;
}

std::optional<CpuCapability> find_capability(const std::string& name) {
  for (const Names& names : kNames)
    if (name == names.ours) return names.capability;
  return std::nullopt;
}

/// Sets the variables of libtorch, oneDNN and MKL before they read them. Ignores an invalid value:
/// cpu_capability() reports it.
bool hand_on() {
  const auto capability = find_capability(variable(kVariable));
  if (!capability || *capability > machine_capability()) return false;
  const Names& names = kNames[static_cast<std::size_t>(*capability)];
  ::setenv("ATEN_CPU_CAPABILITY", names.aten, 1);
  ::setenv("ONEDNN_MAX_CPU_ISA", names.onednn, 1);
  if (*names.mkl) ::setenv("MKL_ENABLE_INSTRUCTIONS", names.mkl, 1);
  return true;
}
[[maybe_unused]] const bool handed_on = hand_on();

const OneDnnLimit* onednn_limit() {
  std::string value;
  // In the order of precedence in libtorch and oneDNN.
  for (const char* name : {"ONEDNN_MAX_CPU_ISA", "MKLDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"})
    if (value.empty()) value = upper(variable(name));
  for (const OneDnnLimit& limit : kOneDnnLimits)
    if (value == limit.name) return &limit;
  return nullptr;
}

CpuCapability least_of_libraries() {
  CpuCapability least = machine_capability();
  const std::string aten = variable("ATEN_CPU_CAPABILITY");
  for (const Names& names : kNames)
    if (aten == names.aten) least = std::min(least, names.capability);
  if (const OneDnnLimit* limit = onednn_limit()) least = std::min(least, limit->leaves);
  return least;
}

CpuCapability read_capability() {
  const std::string value = variable(kVariable);
  return value.empty() ? least_of_libraries() : parse_capability(value, machine_capability());
}

#if defined(__x86_64__)
/// One bit of a CPUID leaf; false when the processor does not have the leaf.
bool cpuid_bit(unsigned leaf, unsigned subleaf, int reg, int bit) {
  std::array<unsigned, 4> registers{};  // eax, ebx, ecx, edx
  if (__get_cpuid_count(leaf, subleaf, &registers[0], &registers[1], &registers[2],
                        &registers[3]) == 0)
    return false;
  return (registers[static_cast<std::size_t>(reg)] >> bit & 1U) != 0;
}

enum Register { eax, ebx, ecx, edx };
/// Without AVX-512, oneDNN uses bfloat16 only with all three of these.
bool avx2_has_bfloat16() {
  const bool avx_vnni = cpuid_bit(7, 1, eax, 4), avx_vnni_int8 = cpuid_bit(7, 1, edx, 4);
  const bool avx_ne_convert = cpuid_bit(7, 1, edx, 5);
  return avx_vnni && avx_vnni_int8 && avx_ne_convert;
}
bool machine_has_bfloat16_tiles() {
  return machine_capability() == CpuCapability::avx512 && cpuid_bit(7, 0, edx, 22);
}
bool machine_has_bfloat16() {
  if (machine_capability() < CpuCapability::avx512) return avx2_has_bfloat16();
  const bool avx512_bf16 = cpuid_bit(7, 1, eax, 5);
  return avx512_bf16 || machine_has_bfloat16_tiles();
}
bool machine_has_float16() {
  const bool avx512_fp16 = cpuid_bit(7, 0, edx, 23), amx_fp16 = cpuid_bit(7, 1, eax, 21);
  return machine_capability() == CpuCapability::avx512 && (avx512_fp16 || amx_fp16);
}
#else
// Other architectures are not checked; float32 works on all of them.
bool machine_has_bfloat16_tiles() { return false; }
bool machine_has_bfloat16() { return false; }
bool machine_has_float16() { return false; }
#endif

/// CHITU_CPU_CAPABILITY=avx2 means a processor without instructions for half precision.
bool is_limited_below(bool OneDnnLimit::* has) {
  if (cpu_capability() < CpuCapability::avx512 && machine_capability() == CpuCapability::avx512)
    return true;
  const OneDnnLimit* limit = onednn_limit();
  return limit && !(limit->*has);
}

}  // namespace

std::string to_string(CpuCapability capability) {
  return kNames[static_cast<std::size_t>(capability)].ours;
}

CpuCapability parse_capability(const std::string& name, CpuCapability most) {
  const auto capability = find_capability(name);
  const auto refuse = [&](const std::string& problem) {
    throw InputError(std::string(kVariable) + "=" + name + ": " + problem);
  };
  std::vector<std::string> known;
  for (const Names& names : kNames) known.emplace_back(names.ours);
  if (!capability) refuse(expected_one_of(name, known));
  if (*capability > most) refuse("this processor has no more than " + to_string(most));
  return *capability;
}

CpuCapability machine_capability() {
#if defined(__x86_64__)
  // The checks that libtorch makes before it uses its kernels.
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma"))
    return CpuCapability::avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return CpuCapability::avx2;
#endif
  return CpuCapability::baseline;
}

CpuCapability cpu_capability() {
  static const CpuCapability capability = read_capability();
  return capability;
}

bool has_bfloat16_instructions() {
  static const bool has = machine_has_bfloat16() && !is_limited_below(&OneDnnLimit::bfloat16);
  return has;
}

bool has_bfloat16_tiles() {
  static const bool has = machine_has_bfloat16_tiles() && !is_limited_below(&OneDnnLimit::tiles);
  return has;
}

bool has_float16_instructions() {
  static const bool has = machine_has_float16() && !is_limited_below(&OneDnnLimit::float16);
  return has;
}

}  // namespace chitu
