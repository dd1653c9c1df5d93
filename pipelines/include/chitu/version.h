#pragma once

#include <compare>
#include <string>

/// The version of these headers. chitu::version() has that of the library that is loaded.
#define CHITU_VERSION_MAJOR 0
#define CHITU_VERSION_MINOR 2
#define CHITU_VERSION_PATCH 0

namespace chitu {

/// A version, ordered by its numbers. Before 1.0, a new minor version may change interfaces; a new
/// patch version never does (docs/cpp.md).
struct Version {
  int major_number = CHITU_VERSION_MAJOR;
  int minor_number = CHITU_VERSION_MINOR;
  int patch_number = CHITU_VERSION_PATCH;
  auto operator<=>(const Version&) const = default;
};

/// The version of the loaded library, "0.2.0" as text. Safe from any thread.
Version version() noexcept;
std::string to_string(const Version& version);

}  // namespace chitu
