#pragma once

#include <string>

namespace chitu::pipelines {

/// One entry of model.stages: a stage that a program registered, and its place in the pipeline.
/// Exactly one of `after` and `before` names a stage of the pipeline.
struct StageInsertion {
  std::string name;    ///< under which the stage is registered; also its name in the graph
  std::string after;   ///< it changes what this stage makes
  std::string before;  ///< it changes what this stage reads
  bool operator==(const StageInsertion&) const = default;
};

}  // namespace chitu::pipelines
