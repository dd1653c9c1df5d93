#include "chitu_core/common/cpu_capability.h"

#include "chitu_core/common/error.h"
#include "tests/support/catch.h"

namespace chitu {
namespace {

std::string refusal(const std::string& name, CpuCapability most) {
  try {
    parse_capability(name, most);
  } catch (const InputError& error) {
    return error.what();
  }
  return "taken";
}

TEST_CASE("a CPU capability is written as libtorch writes it", "[common]") {
  for (const char* name : {"default", "avx2", "avx512"})
    CHECK(to_string(parse_capability(name, CpuCapability::avx512)) == name);
  CHECK(parse_capability("default", CpuCapability::baseline) == CpuCapability::baseline);
}

TEST_CASE("an error about a wrong CPU capability names the variable and the valid values",
          "[common]") {
  CHECK(refusal("avx3", CpuCapability::avx512) ==
        "CHITU_CPU_CAPABILITY=avx3: expected one of default, avx2, avx512, did you mean avx2?");
  CHECK(refusal("fast", CpuCapability::baseline) ==
        "CHITU_CPU_CAPABILITY=fast: expected one of default, avx2, avx512");
}

TEST_CASE("a CPU capability that the processor lacks is refused", "[common]") {
  CHECK(refusal("avx512", CpuCapability::avx2) ==
        "CHITU_CPU_CAPABILITY=avx512: this processor has no more than avx2");
  CHECK(refusal("avx2", CpuCapability::baseline) ==
        "CHITU_CPU_CAPABILITY=avx2: this processor has no more than default");
  CHECK(refusal("avx2", CpuCapability::avx2) == "taken");
}

}  // namespace
}  // namespace chitu
