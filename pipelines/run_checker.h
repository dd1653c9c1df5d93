#pragma once

#include <map>
#include <memory>
#include <string>

#include "pipelines/engine.h"
#include "pipelines/model/pipeline.h"
#include "pipelines/model/request.h"

namespace chitu::pipelines {

/// Checks many runs before the first begins, such as the jobs of a sweep: each model is opened
/// once, whatever else the runs differ in.
class RunChecker {
 public:
  /// The request with what is empty filled in.
  ///
  /// throws  what the constructor of an Engine with these options and its complete() throw
  Request check(const EngineOptions& options, const PartialRequest& partial);

 private:
  const Pipeline& model(const EngineOptions& options, c10::Device device);

  std::map<std::string, std::unique_ptr<Pipeline>> models_;
};

}  // namespace chitu::pipelines
