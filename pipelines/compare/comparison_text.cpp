#include "pipelines/compare/comparison_text.h"

#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "chitu_core/common/bytes.h"

namespace chitu::pipelines {
namespace {

using nlohmann::json;
using Rows = std::vector<std::vector<std::string>>;

std::string ssim_text(const std::optional<double>& ssim) {
  return ssim ? fmt::format("{:.4f}", *ssim) : "-";
}

std::vector<std::string> frame_row(std::string name, const FrameDifference& frame) {
  return {std::move(name), psnr_text(frame.psnr_db), ssim_text(frame.ssim),
          std::to_string(frame.differing_pixels), std::to_string(frame.largest_difference)};
}

template <class Figure>
std::string counts(const StagePair& stage, Figure figure, auto&& text) {
  if (stage.a && stage.b) return text((*stage.a).*figure, (*stage.b).*figure);
  const StageFigures& one = stage.a ? *stage.a : *stage.b;
  return text(one.*figure, one.*figure) + (stage.a ? " (A)" : " (B)");
}

std::string time_change(double before, double after) {
  return before == after ? fmt::format("{:.3f} s", after)
                         : fmt::format("{:.3f} s -> {:.3f} s", before, after);
}

std::string source_text(const char* name, const CompareSource& source,
                        const std::optional<MediaSource>& media) {
  return fmt::format("{}  {}\n", name, media ? media->path.string() : source.path.string());
}

std::string joined(const Rows& rows) {
  std::string text;
  for (const std::string& line : aligned_lines(rows)) text += "  " + line + "\n";
  return text;
}

std::string clip_text(const ClipComparison& clip) {
  if (!clip.mismatch.empty()) return "frames: " + clip.mismatch + "\n";
  if (clip.frames.empty())
    return clip.other_sums.empty()
               ? "frames: identical by their SHA-256\n"
               : fmt::format("frames: {} differ by their SHA-256\n", clip.other_sums.size());
  if (std::ranges::all_of(clip.frames, &FrameDifference::identical))
    return fmt::format("frames: all {} identical\n", clip.frames.size());
  return "frames\n" + joined(frame_rows(clip.frames));
}

json to_json(const FrameDifference& frame) {
  return {{"identical", frame.identical()},
          {"psnr_db", std::isinf(frame.psnr_db) ? json() : json(frame.psnr_db)},
          {"ssim", frame.ssim ? json(*frame.ssim) : json()},
          {"differing_pixels", frame.differing_pixels},
          {"largest_difference", frame.largest_difference}};
}

json to_json(const std::optional<StageFigures>& stage) {
  if (!stage) return {};
  return {{"peak_device_bytes", stage->peak_bytes},
          {"h2d_bytes", stage->h2d_bytes},
          {"d2h_bytes", stage->d2h_bytes},
          {"disk_bytes", stage->disk_bytes},
          {"loads", stage->loads},
          {"seconds", stage->seconds}};
}

json to_json(const ClipComparison& clip) {
  json frames = json::array();
  for (const FrameDifference& frame : clip.frames) frames.push_back(to_json(frame));
  json result{{"frames", frames},
              {"mismatch", clip.mismatch.empty() ? json() : json(clip.mismatch)},
              {"worst", clip.frames.empty() ? json() : to_json(worst_of(clip.frames))}};
  if (clip.sums_known) result["other_sha256"] = clip.other_sums;
  return result;
}

json source_json(const CompareSource& source, const std::optional<MediaSource>& media) {
  return {{"path", source.path.string()},
          {"media", media ? json(media->path.string()) : json()},
          {"has_metrics", source.figures.has_value()}};
}

}  // namespace

std::string psnr_text(double psnr_db) {
  return std::isinf(psnr_db) ? "identical" : fmt::format("{:.2f} dB", psnr_db);
}

std::string change_text(std::int64_t before, std::int64_t after) {
  if (before == after) return format_bytes(after);
  const std::string sign = after > before ? "+" : "-";
  return fmt::format("{} -> {} ({}{})", format_bytes(before), format_bytes(after), sign,
                     format_bytes(std::abs(after - before)));
}

std::string count_change(std::int64_t before, std::int64_t after) {
  return before == after ? std::to_string(after) : fmt::format("{} -> {}", before, after);
}

std::vector<std::string> aligned_lines(const Rows& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i == widths.size()) widths.push_back(0);
      widths[i] = std::max(widths[i], row[i].size());
    }
  std::vector<std::string> lines;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i)
      line += i == 0 ? fmt::format("{:<{}}", row[i], widths[i])
                     : fmt::format("  {:>{}}", row[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    lines.push_back(std::move(line));
  }
  return lines;
}

Rows frame_rows(const std::vector<FrameDifference>& frames) {
  Rows rows{{"frame", "PSNR", "SSIM", "differing pixels", "largest difference"}};
  for (std::size_t i = 0; i < frames.size(); ++i)
    rows.push_back(frame_row(std::to_string(i), frames[i]));
  rows.push_back(frame_row("worst", worst_of(frames)));
  return rows;
}

Rows stage_rows(const std::vector<StagePair>& stages) {
  Rows rows{{"stage", "peak", "to device", "to host", "from disk", "loads", "time"}};
  for (const StagePair& stage : stages)
    rows.push_back({stage.name, counts(stage, &StageFigures::peak_bytes, change_text),
                    counts(stage, &StageFigures::h2d_bytes, change_text),
                    counts(stage, &StageFigures::d2h_bytes, change_text),
                    counts(stage, &StageFigures::disk_bytes, change_text),
                    counts(stage, &StageFigures::loads, count_change),
                    counts(stage, &StageFigures::seconds, time_change)});
  return rows;
}

std::string to_text(const Comparison& comparison) {
  std::string text = source_text("A", comparison.a, comparison.media_a) +
                     source_text("B", comparison.b, comparison.media_b);
  if (comparison.clip) text += clip_text(*comparison.clip);
  if (!comparison.stages.empty()) text += "stages\n" + joined(stage_rows(comparison.stages));
  for (const std::string& line : comparison.beyond) text += "beyond the tolerance: " + line + "\n";
  return text + (comparison.beyond.empty() ? "within the tolerance\n" : "");
}

json to_json(const Comparison& comparison) {
  json stages = json::array();
  for (const StagePair& stage : comparison.stages)
    stages.push_back({{"name", stage.name}, {"a", to_json(stage.a)}, {"b", to_json(stage.b)}});
  return {{"within", comparison.beyond.empty()},
          {"beyond", comparison.beyond},
          {"a", source_json(comparison.a, comparison.media_a)},
          {"b", source_json(comparison.b, comparison.media_b)},
          {"clip", comparison.clip ? to_json(*comparison.clip) : json()},
          {"stages", stages}};
}

}  // namespace chitu::pipelines
