#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>

#include "pipelines/convert/convert_plan.h"
#include "pipelines/model/model_folder.h"

namespace chitu::pipelines {

struct ConvertOptions {
  std::filesystem::path source{};  ///< a checkpoint in the diffusers layout, or configs alone
  ModelFiles files{};              ///< weights and a tokenizer that stand for those of the source
  std::filesystem::path target{};  ///< does not exist
  c10::ScalarType dtype = c10::kBFloat16;  ///< float32, bfloat16, float16 or float8_e4m3fn
  ConvertLayout layout = ConvertLayout::streaming;
  std::stop_token stop{};
  /// Told about each component before it is written, with its bytes in the source and in the
  /// target.
  std::function<void(const std::string& component, std::int64_t from, std::int64_t to)> begins{};
};

/// Writes a checkpoint in the diffusers layout with its weights in another dtype and in the order
/// in which runs read them. The folder appears when it is complete, or not at all.
///
/// throws  InputError before anything is written: the target exists, the drive has too little room,
///         the source or a file cannot be read, weights are missing; Interrupted after a stop
void convert_checkpoint(const ConvertOptions& options);

}  // namespace chitu::pipelines
