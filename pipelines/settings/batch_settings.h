#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "chitu_core/config/bind/binder.h"

namespace chitu::pipelines {

/// The group `batch`.
struct BatchSettings {
  /// The folder for what waits between the stages, below that of the batch.
  static constexpr const char* kSpillFolder = "spill";

  std::optional<std::string> dir;
  std::int64_t window = 16;
  std::int64_t size = 1;
  std::optional<config::Bytes> spill_limit;
  std::optional<std::string> spill_dir;
  std::optional<std::string> shard;
  void bind(config::Binder& binder);

  /// The folder of the whole batch: `dir`, or batch/<stem of the list>.
  ///
  /// throws  InputError for an empty dir
  std::filesystem::path folder(const std::string& stem) const;
  /// The folder for what waits between the stages of a batch in this folder.
  ///
  /// throws  InputError for an empty spill_dir
  std::filesystem::path spill_folder(const std::filesystem::path& folder) const;
  std::int64_t spill_limit_bytes() const;
};

}  // namespace chitu::pipelines
