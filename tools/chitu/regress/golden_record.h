#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "chitu_core/config/bind/binder.h"
#include "chitu_core/io/frames_digest.h"
#include "pipelines/compare/run_figures.h"
#include "tools/chitu/regress/machine_key.h"

namespace chitu::tools {

/// The SHA-256 sums of a clip that was approved, frame by frame, and where it was made. Several may
/// have the same key: each of them is right there.
struct Approval {
  MachineKey key;
  std::vector<std::string> sha256;

  bool operator==(const Approval&) const = default;
  void bind(config::Binder& binder);
};

/// The figures of a stage that may not grow.
struct RecordedStage {
  std::string name;
  std::optional<std::int64_t> peak_bytes;  ///< empty on the CPU, whose memory is not counted
  std::int64_t h2d_bytes = 0, d2h_bytes = 0, disk_bytes = 0, loads = 0;

  bool operator==(const RecordedStage&) const = default;
  void bind(config::Binder& binder);
};

/// Size of a clip, and which of its frames are stored as pictures.
struct RecordedFrames {
  std::int64_t count = 0, width = 0, height = 0, stored = 0;
  std::string stored_sha256{};  ///< of the bytes of all stored frames, one after another

  bool operator==(const RecordedFrames&) const = default;
  void bind(config::Binder& binder);
};

/// What a case made and took when it was recorded: a small YAML file that a reviewer reads in a
/// diff.
struct GoldenRecord {
  std::string case_name;
  std::string device;  ///< sim, cpu, cuda
  RecordedFrames frames;
  std::vector<Approval> approved;
  std::string ranks{};  ///< whose first rank took what the stages say: MachineKey::ranks
  std::vector<RecordedStage> stages;
  std::optional<std::string> time_reference;
  std::optional<double> time_ratio;  ///< to the time of the reference, in the same run

  bool operator==(const GoldenRecord&) const = default;
  void bind(config::Binder& binder);
};

/// Reads a record.
///
/// throws  InputError "<file>:<line>: ..." for YAML errors, unknown keys, wrong values, and a file
///         that is cut short
GoldenRecord read_record(const std::filesystem::path& file);

/// The text of the file.
std::string to_yaml(const GoldenRecord& record);

/// Figures of a run as a record keeps them.
std::vector<RecordedStage> recorded_stages(const pipelines::RunFigures& figures);

/// Indices of the stored frames: so many of all, evenly spaced, the first and the last among them.
std::vector<std::int64_t> stored_indices(const RecordedFrames& frames);

}  // namespace chitu::tools
