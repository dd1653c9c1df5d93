#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace chitu::pipelines {

/// A rate, and how it was come by.
struct Measured {
  double rate = 0;  ///< per second
  std::string how;
};

/// Bytes a second that several threads read from files in the folder, past the page cache where the
/// file system allows that. Writes a file of so many bytes and removes it.
///
/// throws  InputError when the folder cannot be written to
Measured measure_disk(const std::filesystem::path& folder, std::int64_t bytes);

}  // namespace chitu::pipelines
