#pragma once

#include <string>

namespace chitu::tools {

/// "12.34 GFLOP", in GFLOP, TFLOP or PFLOP.
std::string flops_text(double flops);

}  // namespace chitu::tools
