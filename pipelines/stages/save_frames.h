#pragma once

#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "chitu_core/graph/stage.h"
#include "chitu_core/graph/values.h"
#include "pipelines/model/pipeline.h"

namespace chitu::pipelines {

/// Writes frames as the job's output asks: video.mp4, video.gif, image.png or frames/, and
/// contact_sheet.png. Each file appears under its name once it is complete and replaces an existing
/// one. If the contact sheet cannot be written, everything else still is.
struct SaveFrames {
  using Inputs = std::tuple<graph::Frames, Job>;
  using Output = graph::SavedFiles;
  static constexpr std::string_view name = "save";

  std::vector<memory::Component*> components() const { return {}; }

  /// throws  InputError naming the file that cannot be written (full disk, no permission)
  graph::SavedFiles run(const graph::Frames& frames, const Job& job, graph::Context& context) const;
};
static_assert(graph::Stage<SaveFrames>);

inline constexpr const char* kFramesFolder = "frames";

/// The names in Output::dir that SaveFrames writes for this output, the media first.
std::vector<std::string> media_names(const Output& output);

/// Whether a file of the folder `frames` is one that SaveFrames writes: frame_0000.png and so on.
bool is_frame_name(std::string_view name);

}  // namespace chitu::pipelines
