#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "chitu_core/io/tokenizer.h"
#include "chitu_core/models/clip/image_processor.h"
#include "chitu_core/models/schedulers/scheduler.h"
#include "pipelines/model/component_set.h"
#include "pipelines/model/model_folder.h"
#include "pipelines/model/pipeline.h"
#include "pipelines/wan/experts.h"
#include "pipelines/wan/image_use.h"

namespace chitu::pipelines::wan {

/// Content of a checkpoint's folder.
struct Parts {
  std::filesystem::path folder;
  RequestDefaults defaults;
  std::shared_ptr<const io::Tokenizer> tokenizer;  ///< null if a dry run has none
  std::vector<Expert> experts;
  std::vector<ComponentFiles> components;
  std::shared_ptr<const models::SchedulerFactory> scheduler;
  ImageUse images{};
  std::shared_ptr<const models::ClipImageProcessor> image_processor;  ///< null = no image encoder
  bool has_boundary = false;  ///< between two experts: request.guidance_scale_2 may be set
};

/// The components of a checkpoint with these experts.
using DescribeComponents = std::vector<ComponentDescription> (*)(const std::vector<Expert>& experts,
                                                                 const ImageUse& images);

/// Reads configs and headers of a checkpoint.
///
/// throws  InputError naming the file for anything that is missing, damaged or not supported
Parts read_parts(const ModelFolder& folder, const ModelChoices& choices,
                 DescribeComponents describe);

}  // namespace chitu::pipelines::wan
