#pragma once

#include <string_view>
#include <tuple>
#include <vector>

#include "chitu_core/graph/stage.h"
#include "chitu_core/graph/values.h"
#include "pipelines/model/pipeline.h"
#include "pipelines/output/media_names.h"

namespace chitu::pipelines {

/// Writes frames as the job's output asks, under the names of media_names(): each format in turn,
/// then the contact sheet. Each file appears under its name once it is complete and replaces an
/// existing one. Once the first is complete, the others are written even if the user stops the run;
/// if one of them cannot be written, everything else still is.
struct SaveFrames {
  using Inputs = std::tuple<graph::Frames, Job>;
  using Output = graph::SavedFiles;
  static constexpr std::string_view name = "save";

  std::vector<memory::Component*> components() const { return {}; }

  /// throws  InputError naming the file that cannot be written (full disk, no permission)
  graph::SavedFiles run(const graph::Frames& frames, const Job& job, graph::Context& context) const;
};
static_assert(graph::Stage<SaveFrames>);

}  // namespace chitu::pipelines
