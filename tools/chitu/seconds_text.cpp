#include "tools/chitu/seconds_text.h"

#include <fmt/format.h>

#include <cmath>

namespace chitu::tools {

std::string seconds_text(double seconds) {
  if (seconds >= 3600) {
    const long minutes = std::lround(seconds / 60);
    return fmt::format("{} h {:02} min", minutes / 60, minutes % 60);
  }
  if (seconds >= 100) {
    const long whole = std::lround(seconds);
    return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  }
  return seconds >= 1 ? fmt::format("{:.1f} s", seconds) : fmt::format("{:.2f} ms", seconds * 1e3);
}

}  // namespace chitu::tools
