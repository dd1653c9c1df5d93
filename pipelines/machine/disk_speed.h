#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace chitu::pipelines {

/// A measured rate and its method.
struct Measured {
  double rate = 0;  ///< per second
  std::string how;
};

/// Bytes per second that several threads read from files in the folder, bypassing the page cache if
/// the file system allows it. Writes a file of this many bytes and removes it.
///
/// throws  InputError if the folder is not writable
Measured measure_disk(const std::filesystem::path& folder, std::int64_t bytes);

}  // namespace chitu::pipelines
