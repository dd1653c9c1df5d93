#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "chitu_core/graph/context.h"
#include "chitu_core/graph/execution.h"
#include "chitu_core/graph/values.h"
#include "pipelines/batch/batch_run.h"
#include "pipelines/model/pipeline.h"
#include "pipelines/spill/latents_file.h"

namespace chitu::pipelines {

/// Runs of a single request that leave their latents on disk before they decode them, and runs that
/// go on from there.
class LatentsRun {
 public:
  /// pipeline  outlives this
  explicit LatentsRun(const Pipeline& pipeline);

  /// The components that the stages after the latents use.
  std::vector<std::string> components() const;
  /// throws  InputError where the latents go on at a stage that is another one here
  void check(const LatentsFile& latents) const;

  /// With a folder for the media, keeps latents.safetensors there while they are decoded and saved;
  /// where that cannot be written, a warning in the log says so and the run goes on.
  ///
  /// model  asked for when the latents are there
  /// kept   told about the file; may be empty
  graph::SavedFiles generate(Job job, graph::Context& context,
                             const std::function<BatchModel()>& model,
                             const std::function<void(const std::filesystem::path&)>& kept) const;
  graph::SavedFiles decode(Job job, const LatentsFile& latents, graph::Context& context) const;

 private:
  graph::Execution execution(Job job) const;
  const graph::Graph::StageInfo& stage_at(std::size_t position) const;

  const Pipeline& pipeline_;
  std::vector<std::size_t> stages_;
  std::size_t first_ = 0;  ///< position of the stage that goes on from latents; 0 = there is none
};

}  // namespace chitu::pipelines
