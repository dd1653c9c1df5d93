#include "chitu_core/common/cpu_model.h"

#include <fmt/format.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace chitu {

std::string cpu_model() {
#if defined(__x86_64__)
  // Vendor; family, model and stepping; two pages of features. Without the registers that contain
  // the APIC number, which differs from core to core.
  unsigned a = 0, b = 0, c = 0, d = 0;
  __get_cpuid(0, &a, &b, &c, &d);
  std::string text = fmt::format("{:08x}{:08x}{:08x}", b, d, c);
  __get_cpuid(1, &a, &b, &c, &d);
  text += fmt::format("-{:08x}", a);
  for (const unsigned page : {0U, 1U}) {
    a = b = c = d = 0;
    __get_cpuid_count(7, page, &a, &b, &c, &d);
    text += fmt::format("-{:08x}{:08x}{:08x}", page == 0 ? 0 : a, b, d);
  }
  return text;
#elif defined(__aarch64__)
  return "aarch64";
#else
  return "other";
#endif
}

}  // namespace chitu
