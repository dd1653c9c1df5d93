#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "chitu_core/io/tokenizer.h"
#include "chitu_core/models/schedulers/scheduler.h"
#include "pipelines/model/component_set.h"
#include "pipelines/model/model_folder.h"
#include "pipelines/model/pipeline.h"

namespace chitu::pipelines::qwen_image {

inline constexpr const char *kTextEncoder = "text_encoder", *kTransformer = "transformer",
                            *kModulation = "modulation", *kVae = "vae";

/// Content of a checkpoint's folder.
struct Parts {
  std::filesystem::path folder;
  RequestDefaults defaults;
  std::shared_ptr<const io::Tokenizer> tokenizer;  ///< null if a dry run has none
  std::vector<ComponentFiles> components;
  std::shared_ptr<const models::SchedulerFactory> scheduler;
};

/// The components of a checkpoint, in the order of reports. Two of them share the weights of
/// `transformer`.
std::vector<ComponentDescription> describe_components();

/// Reads configs and headers of a checkpoint.
///
/// throws  InputError naming the file for anything that is missing, damaged or not supported
Parts read_parts(const ModelFolder& folder, const ModelChoices& choices);

}  // namespace chitu::pipelines::qwen_image
