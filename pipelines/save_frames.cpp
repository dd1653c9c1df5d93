#include "pipelines/save_frames.h"

namespace chitu::pipelines {

pipeline::SavedFiles SaveFrames::run(const pipeline::Frames&, const Job&,
                                     pipeline::Context&) const {
  return {};
}

std::vector<std::filesystem::path> media_names() { return {}; }

}  // namespace chitu::pipelines
