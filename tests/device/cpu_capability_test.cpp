// Run once for each limit in tests/device/CMakeLists.txt: chitu's own, and those of single
// libraries.
#include "chitu_core/common/cpu_capability.h"

#include <ATen/ATen.h>
#include <ATen/Version.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <algorithm>
#include <cstdlib>

#include "tests/support/catch.h"

namespace chitu {
namespace {

/// The check that libtorch makes before it passes a tensor to oneDNN.
bool onednn_has(const char* dtype) {
  const std::string op = std::string("mkldnn::_is_mkldnn_") + dtype + "_supported";
  return c10::Dispatcher::singleton().findSchemaOrThrow(op.c_str(), "").typed<bool()>().call();
}

CpuCapability of_aten() {
  const std::string name = at::get_cpu_capability();
  return name == "AVX512" ? CpuCapability::avx512
         : name == "AVX2" ? CpuCapability::avx2
                          : CpuCapability::baseline;
}

bool limited_by_user() {
  const char* ours = std::getenv("CHITU_CPU_CAPABILITY");
  return !ours || !*ours;
}

TEST_CASE("ATen uses at least the CPU capability, and exactly it with our variable", "[cpu]") {
  CHECK(of_aten() >= cpu_capability());
  if (!limited_by_user()) CHECK(of_aten() == cpu_capability());
  CHECK(cpu_capability() <= machine_capability());
}

TEST_CASE("oneDNN computes on 16-bit floats if the CPU has instructions for them", "[cpu]") {
  if (!at::hasMKLDNN()) return;
  if (has_bfloat16_instructions()) CHECK(onednn_has("bf16"));
  if (has_float16_instructions()) CHECK(onednn_has("fp16"));
  if (cpu_capability() < CpuCapability::avx512) CHECK(!has_float16_instructions());
}

TEST_CASE("without a limit the CPU capability is the processor's", "[cpu]") {
  for (const char* name : {"CHITU_CPU_CAPABILITY", "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA",
                           "MKLDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"}) {
    const char* value = std::getenv(name);
    if (value && *value) return;
  }
  CHECK(cpu_capability() == machine_capability());
  CHECK(of_aten() == machine_capability());
}

}  // namespace
}  // namespace chitu
