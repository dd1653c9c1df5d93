#include "pipelines/compare/comparison.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "chitu_core/common/bytes.h"
#include "chitu_core/common/error.h"

namespace chitu::pipelines {
namespace {

std::string size_text(const at::Tensor& clip) {
  return fmt::format("{} frames of {}x{}", clip.size(0), clip.size(2), clip.size(1));
}

std::string size_text(const io::FramesDigest& digest) {
  return fmt::format("{} frames of {}x{}", digest.each.size(), digest.width_px, digest.height_px);
}

void compare_sums(const io::FramesDigest& a, const io::FramesDigest& b, ClipComparison& clip) {
  clip.sums_known = true;
  if (size_text(a) != size_text(b)) {
    clip.mismatch = size_text(a) + " beside " + size_text(b);
    return;
  }
  for (std::size_t i = 0; i < a.each.size(); ++i)
    if (a.each[i] != b.each[i]) clip.other_sums.push_back(i);
}

void compare_media(ClipComparison& clip) {
  if (clip.a.sizes() == clip.b.sizes())
    clip.frames = compare_clips(clip.a, clip.b);
  else
    clip.mismatch = size_text(clip.a) + " beside " + size_text(clip.b);
}

/// The sums in metrics.json; without it, those of lossless pictures.
std::optional<io::FramesDigest> sums_of(const CompareSource& source, bool read_pictures) {
  if (source.figures && source.figures->frames) return source.figures->frames;
  const bool exact = !source.media.empty() && source.media.front().lossless();
  if (!read_pictures || !exact) return std::nullopt;
  return io::digest_of(read_frames(source.media.front()));
}

/// Media of lossy formats hide small differences, so the sums of metrics.json count as well.
std::optional<ClipComparison> compare_frames(Comparison& comparison) {
  const auto media = media_pair(comparison.a, comparison.b);
  const auto sums_a = sums_of(comparison.a, !media), sums_b = sums_of(comparison.b, !media);
  const bool sums = sums_a && sums_b;
  if (!media && !sums) return std::nullopt;
  ClipComparison clip;
  if (sums) compare_sums(*sums_a, *sums_b, clip);
  if (!media) return clip;
  comparison.media_a = media->first;
  comparison.media_b = media->second;
  clip.a = read_frames(media->first);
  clip.b = read_frames(media->second);
  compare_media(clip);
  return clip;
}

/// Notes what is beyond a tolerance.
class Judge {
 public:
  Judge(const Tolerance& tolerance, std::vector<std::string>& beyond)
      : tolerance_(tolerance), beyond_(beyond) {}

  void frames(const ClipComparison& clip) {
    if (tolerance_.frames.any) return;
    if (!clip.mismatch.empty()) return note("frames: " + clip.mismatch);
    if (tolerance_.frames.exact()) return exact_frames(clip);
    if (clip.frames.empty()) {
      if (!clip.other_sums.empty())
        note("frames: differ by their SHA-256; without pictures their distance is not known");
      return;
    }
    for (std::size_t i = 0; i < clip.frames.size(); ++i) near_frame(i, clip.frames[i]);
  }

  void stages(const std::vector<StagePair>& stages, bool counts_memory) {
    for (const StagePair& stage : stages) {
      if (!stage.a || !stage.b) {
        note(fmt::format("stage {}: only in {}", stage.name, stage.a ? "A" : "B"));
        continue;
      }
      const StageFigures &a = *stage.a, &b = *stage.b;
      if (counts_memory) bytes(stage.name, "peak", a.peak_bytes, b.peak_bytes, tolerance_.peak);
      bytes(stage.name, "bytes to the device", a.h2d_bytes, b.h2d_bytes, tolerance_.bytes);
      bytes(stage.name, "bytes to the host", a.d2h_bytes, b.d2h_bytes, tolerance_.bytes);
      bytes(stage.name, "bytes from disk", a.disk_bytes, b.disk_bytes, tolerance_.bytes);
      if (!tolerance_.loads.allows(a.loads, b.loads))
        note(fmt::format("stage {}: loads {} -> {}", stage.name, a.loads, b.loads));
    }
  }

  void time(double a, double b) {
    if (tolerance_.time_share && std::abs(b - a) > *tolerance_.time_share * a)
      note(fmt::format("time of all stages: {:.3f} s -> {:.3f} s", a, b));
  }

 private:
  void note(std::string_view text) { beyond_.emplace_back(text); }

  void exact_frames(const ClipComparison& clip) {
    for (std::size_t i = 0; i < clip.frames.size(); ++i)
      if (const auto& frame = clip.frames[i]; !frame.identical())
        note(fmt::format("frame {}: {} pixels differ by up to {} of 255, PSNR {:.2f} dB", i,
                         frame.differing_pixels, frame.largest_difference, frame.psnr_db));
    for (const std::size_t i : clip.other_sums)
      if (clip.frames.size() <= i || clip.frames[i].identical())
        note(fmt::format("frame {}: its SHA-256 in metrics.json differs", i));
  }

  void near_frame(std::size_t index, const FrameDifference& frame) {
    const auto& limits = tolerance_.frames;
    if (limits.least_psnr_db && frame.psnr_db < *limits.least_psnr_db)
      note(fmt::format("frame {}: PSNR {:.2f} dB, expected at least {} dB", index, frame.psnr_db,
                       *limits.least_psnr_db));
    if (limits.least_ssim && frame.ssim && *frame.ssim < *limits.least_ssim)
      note(fmt::format("frame {}: SSIM {:.4f}, expected at least {}", index, *frame.ssim,
                       *limits.least_ssim));
  }

  void bytes(const std::string& stage, const char* what, std::int64_t a, std::int64_t b,
             const Slack& slack) {
    if (!slack.allows(a, b))
      note(fmt::format("stage {}: {} {} -> {} ({:+} B)", stage, what, format_bytes(a),
                       format_bytes(b), b - a));
  }

  const Tolerance& tolerance_;
  std::vector<std::string>& beyond_;
};

std::string what_it_has(const CompareSource& source) {
  return source.path.string() + (source.media.empty() ? " has metrics alone" : " has media alone");
}

}  // namespace

std::vector<StagePair> paired_stages(const RunFigures& a, const RunFigures& b) {
  std::vector<StagePair> pairs;
  for (const StageFigures& stage : a.stages) pairs.push_back({stage.name, stage, std::nullopt});
  for (const StageFigures& stage : b.stages) {
    const auto found = std::ranges::find_if(
        pairs, [&](const StagePair& pair) { return pair.name == stage.name && !pair.b; });
    if (found == pairs.end())
      pairs.push_back({stage.name, std::nullopt, stage});
    else
      found->b = stage;
  }
  return pairs;
}

Comparison compare_sources(const std::filesystem::path& a, const std::filesystem::path& b,
                           const Tolerance& tolerance) {
  Comparison comparison{.a = find_source(a), .b = find_source(b), .media_a = {}, .media_b = {}};
  comparison.clip = compare_frames(comparison);
  const auto &of_a = comparison.a.figures, &of_b = comparison.b.figures;
  if (of_a && of_b) comparison.stages = paired_stages(*of_a, *of_b);
  if (!comparison.clip && comparison.stages.empty())
    throw InputError(fmt::format("{}, and {}: there is nothing to compare",
                                 what_it_has(comparison.a), what_it_has(comparison.b)));
  Judge judge(tolerance, comparison.beyond);
  if (comparison.clip) judge.frames(*comparison.clip);
  if (!of_a || !of_b) return comparison;
  judge.stages(comparison.stages, of_a->counts_memory() && of_b->counts_memory());
  judge.time(of_a->seconds(), of_b->seconds());
  return comparison;
}

}  // namespace chitu::pipelines
