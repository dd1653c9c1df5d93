#include "chitu/version.h"

#include <string_view>

namespace chitu {
namespace {

constexpr bool names(std::string_view text, int number) {
  int value = 0;
  for (const char digit : text) value = value * 10 + (digit - '0');
  return value == number;
}

constexpr bool agree(std::string_view version) {
  const auto first = version.find('.'), second = version.find('.', first + 1);
  return names(version.substr(0, first), CHITU_VERSION_MAJOR) &&
         names(version.substr(first + 1, second - first - 1), CHITU_VERSION_MINOR) &&
         names(version.substr(second + 1), CHITU_VERSION_PATCH);
}
static_assert(agree(CHITU_VERSION), "chitu/version.h and project(VERSION) differ");

}  // namespace

Version version() noexcept { return {}; }

std::string to_string(const Version& version) {
  return std::to_string(version.major_number) + "." + std::to_string(version.minor_number) + "." +
         std::to_string(version.patch_number);
}

}  // namespace chitu
