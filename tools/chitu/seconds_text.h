#pragma once

#include <string>

namespace chitu::tools {

/// A duration as the reports of `chitu plan` print it: "0.52 ms", "12.3 s", "5 min 07 s", "3 h 20
/// min".
std::string seconds_text(double seconds);

}  // namespace chitu::tools
