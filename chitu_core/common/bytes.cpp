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
constexpr double kMostWithoutUnit = 1024;

struct Amount {
  double number = 0;
  std::string_view unit;

  bool lacks_unit() const { return unit.empty() && number > kMostWithoutUnit; }
};

/// Splits a number of 0 or more from its unit.
std::optional<Amount> split(std::string_view text) {
  Amount amount;
  const char* end = text.data() + text.size();
  const auto [rest, error] =
      std::from_chars(text.data(), end, amount.number, std::chars_format::fixed);
  if (error != std::errc() || amount.number < 0) return std::nullopt;
  amount.unit = std::string_view(rest, static_cast<std::size_t>(end - rest));
  while (amount.unit.starts_with(' ')) amount.unit.remove_prefix(1);
  return amount;
}

}  // namespace

std::optional<std::int64_t> parse_bytes(std::string_view text) {
  const auto amount = split(text);
  if (!amount || amount->lacks_unit()) return std::nullopt;
  for (const auto& [name, bytes] : kUnits) {
    const double all = amount->number * bytes;
    if (amount->unit == name && all < kMost) return static_cast<std::int64_t>(std::llround(all));
  }
  return std::nullopt;
}

bool lacks_unit(std::string_view text) {
  const auto amount = split(text);
  return amount && amount->lacks_unit();
}

std::optional<std::int64_t> parse_bytes_per_second(std::string_view text) {
  if (text.ends_with("B/s")) text.remove_suffix(2);
  return parse_bytes(text);
}

std::string format_bytes(std::int64_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (value >= kGi) return fmt::format("{:.2f} GiB", value / kGi);
  if (value >= kMi) return fmt::format("{:.1f} MiB", value / kMi);
  if (value >= kKi) return fmt::format("{:.1f} KiB", value / kKi);
  return fmt::format("{} B", bytes);
}

std::string format_bytes_up(std::int64_t bytes) {
  const auto in = [&](double unit, double digits) {
    const double parts = std::ceil(static_cast<double>(bytes) / unit * digits);
    return static_cast<std::int64_t>(std::ceil(parts * unit / digits));
  };
  if (bytes >= kGi) return format_bytes(in(kGi, 100));
  if (bytes >= kMi) return format_bytes(in(kMi, 10));
  return format_bytes(bytes >= kKi ? in(kKi, 10) : bytes);
}

}  // namespace chitu
