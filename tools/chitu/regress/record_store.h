#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <optional>
#include <string>

#include "pipelines/compare/memory_curves.h"
#include "tools/chitu/regress/golden_record.h"

namespace chitu::tools {

/// What is stored for one case: NAME.yaml, and in the folder NAME/ frame_0000.png and so on, and
/// memory_curve.csv, which is only drawn.
struct StoredRecord {
  GoldenRecord record;
  at::Tensor frames;  ///< [stored, H, W, 3] uint8, at stored_indices()
  pipelines::MemoryCurve memory;
};

/// The golden records of one cases file, in a folder.
class RecordStore {
 public:
  explicit RecordStore(std::filesystem::path folder) : folder_(std::move(folder)) {}

  std::filesystem::path file_of(const std::string& name) const;
  bool has(const std::string& name) const;

  /// throws  InputError naming the file and line: no record, a damaged one, a frame that is missing
  ///         or is not one that the record approves
  StoredRecord load(const std::string& name) const;

  /// Writes the record, whole or not at all; with `frames` also the pictures and the curve, in
  /// place of those that are there.
  ///
  /// throws  InputError naming what cannot be written
  void save(const std::string& name, const GoldenRecord& record) const;
  void save(const std::string& name, const StoredRecord& stored) const;

 private:
  std::filesystem::path folder_;
};

/// The frames of a clip that are stored.
at::Tensor stored_frames_of(const at::Tensor& clip, const RecordedFrames& frames);

}  // namespace chitu::tools
