#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "chitu_core/io/frames_digest.h"

namespace chitu::pipelines {

/// What metrics.json says of one stage, as far as runs are compared by it.
struct StageFigures {
  std::string name;
  std::int64_t peak_bytes = 0;       ///< of device memory
  std::int64_t allocated_bytes = 0;  ///< of device memory, at the end of the stage
  std::int64_t h2d_bytes = 0, d2h_bytes = 0, disk_bytes = 0;
  std::int64_t loads = 0;
  double seconds = 0;
};

/// What metrics.json says of one run.
struct RunFigures {
  std::string device;  ///< without an index: cpu, sim, cuda
  std::vector<StageFigures> stages;
  std::optional<io::FramesDigest> frames{};  ///< empty when the run made none
  std::vector<std::string> files{};          ///< names of the media

  /// Whether memory is counted by an allocator. On the CPU it is the resident set of the process,
  /// which differs from run to run.
  bool counts_memory() const { return device != "cpu"; }
  double seconds() const;
};

/// Reads a metrics.json.
///
/// throws  InputError naming the file and the key, also for a schema_version other than
///         kMetricsVersion
RunFigures read_figures(const std::filesystem::path& file);

/// From the JSON itself; errors begin with `name`.
RunFigures figures_of(const nlohmann::json& metrics, const std::string& name);

}  // namespace chitu::pipelines
