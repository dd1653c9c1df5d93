#include "chitu_core/common/bytes.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace chitu {
namespace {

constexpr double kKi = 1024, kMi = kKi * kKi, kGi = kMi * kKi, kTi = kGi * kKi;
constexpr std::array<std::pair<std::string_view, double>, 10> kUnits{{{"", kGi},
                                                                      {"B", 1},
                                                                      {"KiB", kKi},
                                                                      {"MiB", kMi},
                                                                      {"GiB", kGi},
                                                                      {"TiB", kTi},
                                                                      {"KB", 1e3},
                                                                      {"MB", 1e6},
                                                                      {"GB", 1e9},
                                                                      {"TB", 1e12}}};
constexpr double kMost = 9e18;

}  // namespace

std::optional<std::int64_t> parse_bytes(std::string_view text) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (error != std::errc() || number < 0) return std::nullopt;
  std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  for (const auto& [name, bytes] : kUnits) {
    const double all = number * bytes;
    if (unit == name && all < kMost) return static_cast<std::int64_t>(std::llround(all));
  }
  return std::nullopt;
}

std::string format_bytes(std::int64_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (value >= kGi) return fmt::format("{:.2f} GiB", value / kGi);
  if (value >= kMi) return fmt::format("{:.1f} MiB", value / kMi);
  if (value >= kKi) return fmt::format("{:.1f} KiB", value / kKi);
  return fmt::format("{} B", bytes);
}

}  // namespace chitu
