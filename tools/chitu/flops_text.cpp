#include "tools/chitu/flops_text.h"

#include <fmt/format.h>

namespace chitu::tools {

std::string flops_text(double flops) {
  if (flops >= 1e15) return fmt::format("{:.2f} PFLOP", flops / 1e15);
  if (flops >= 1e12) return fmt::format("{:.2f} TFLOP", flops / 1e12);
  return fmt::format("{:.2f} GFLOP", flops / 1e9);
}

}  // namespace chitu::tools
