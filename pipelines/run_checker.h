#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "pipelines/engine.h"
#include "pipelines/model/pipeline.h"
#include "pipelines/model/request.h"

namespace chitu::pipelines {

/// Checks many runs before the first begins, such as the jobs of a sweep. Each model is opened
/// once, even if the runs differ in other settings.
class RunChecker {
 public:
  /// The request with its empty fields filled in.
  ///
  /// throws  what the constructor of an Engine with these options, or its complete(), throws
  Request check(const EngineOptions& options, const PartialRequest& partial);

 private:
  const Pipeline& model(const EngineOptions& options, c10::Device device);

  struct Opened {
    std::filesystem::path ckpt_dir;
    ModelChoices choices;
    std::unique_ptr<Pipeline> pipeline;
  };
  std::vector<Opened> models_;
};

}  // namespace chitu::pipelines
