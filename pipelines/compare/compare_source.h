#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "pipelines/compare/run_figures.h"

namespace chitu::pipelines {

/// Pictures on disk. Lossless kinds come first.
struct MediaSource {
  enum class Kind : std::uint8_t { frames, picture, gif, video };
  Kind kind;
  std::filesystem::path path;

  bool lossless() const { return kind == Kind::frames || kind == Kind::picture; }
};

/// What is found at a path that the user compares.
struct CompareSource {
  std::filesystem::path path;
  std::optional<RunFigures> figures{};  ///< of its metrics.json
  std::vector<MediaSource> media{};     ///< best kind first, at most one of a kind
};

/// Looks at a run folder, a folder of pictures, a picture, a GIF or video file, or a metrics.json.
///
/// throws  InputError naming the path when it is none of these, when a folder has several media of
///         one kind, or when its metrics.json is not valid
CompareSource find_source(const std::filesystem::path& path);

/// The frames, [T, H, W, 3] uint8. The PNGs of a folder are taken in the order of their numbers.
///
/// throws  InputError naming the file that cannot be read, or that has another size
at::Tensor read_frames(const MediaSource& media);

/// One medium of each: of the best kind that both have, else the best of each. Empty when one has
/// none.
std::optional<std::pair<MediaSource, MediaSource>> media_pair(const CompareSource& a,
                                                              const CompareSource& b);

}  // namespace chitu::pipelines
