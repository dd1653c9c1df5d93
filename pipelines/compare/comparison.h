#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "pipelines/compare/compare_source.h"
#include "pipelines/compare/frame_comparison.h"
#include "pipelines/compare/run_figures.h"
#include "pipelines/compare/tolerance.h"

namespace chitu::pipelines {

/// One stage of two runs; a run may lack it.
struct StagePair {
  std::string name;
  std::optional<StageFigures> a, b;
};

/// The stages of two runs by name: in the order of `a`, then those of `b` alone.
std::vector<StagePair> paired_stages(const RunFigures& a, const RunFigures& b);

/// The frames of two clips beside each other.
struct ClipComparison {
  at::Tensor a, b;  ///< [T, H, W, 3] uint8; undefined where only SHA-256 sums are known
  /// Why they cannot be compared frame by frame, such as another size; else empty.
  std::string mismatch{};
  std::vector<FrameDifference> frames{};  ///< empty with a mismatch, or with sums alone
  std::vector<std::size_t> other_sums{};  ///< frames whose SHA-256 in metrics.json differs
  bool sums_known = false;                ///< both runs recorded them
};

/// Two sources beside each other.
struct Comparison {
  CompareSource a, b;
  std::optional<MediaSource> media_a, media_b;  ///< which media were compared
  std::optional<ClipComparison> clip{};
  std::vector<StagePair> stages{};    ///< empty when one has no metrics
  std::vector<std::string> beyond{};  ///< what is beyond the tolerance, a line each
};

/// Compares frames where both have media or sums of frames, and stages where both have metrics.
///
/// throws  InputError as find_source() and read_frames() do, and when there is nothing to compare
Comparison compare_sources(const std::filesystem::path& a, const std::filesystem::path& b,
                           const Tolerance& tolerance);

}  // namespace chitu::pipelines
