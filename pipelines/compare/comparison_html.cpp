#include "pipelines/compare/comparison_html.h"

#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include "pipelines/compare/comparison_text.h"
#include "pipelines/compare/html.h"
#include "pipelines/compare/memory_curves.h"

namespace chitu::pipelines {
namespace {

constexpr std::size_t kMostFrames = 8;

std::string verdict(const std::vector<std::string>& beyond) {
  if (beyond.empty()) return "<p id=\"verdict\" class=\"pass\">within the tolerance</p>\n";
  std::string text = "<p id=\"verdict\" class=\"fail\">beyond the tolerance</p>\n<ul>\n";
  for (const std::string& line : beyond)
    text += "<li class=\"fail\">" + html::escaped(line) + "</li>\n";
  return text + "</ul>\n";
}

std::string frames_part(const ClipComparison& clip) {
  std::string text = "<h2>Frames</h2>\n";
  if (!clip.mismatch.empty())
    return text + "<p class=\"fail\">" + html::escaped(clip.mismatch) + "</p>\n";
  if (clip.frames.empty())
    return text + fmt::format("<p>{} frames differ by their SHA-256; there are no pictures.</p>\n",
                              clip.other_sums.size());
  return text + html::table(frame_rows(clip.frames)) +
         html::frame_pairs({clip.a, clip.b, clip.frames, "A", "B"}, kMostFrames);
}

std::string stages_part(const Comparison& comparison) {
  std::vector<std::string> names;
  std::vector<StageFigures> a, b;
  for (const StagePair& stage : comparison.stages) {
    names.push_back(stage.name);
    a.push_back(stage.a.value_or(StageFigures{.name = stage.name}));
    b.push_back(stage.b.value_or(StageFigures{.name = stage.name}));
  }
  return "<h2>Stages</h2>\n" + html::table(stage_rows(comparison.stages)) +
         memory_curves_svg(names, {memory_curve("A", a), memory_curve("B", b)});
}

std::string source_row(const char* name, const CompareSource& source,
                       const std::optional<MediaSource>& media) {
  return fmt::format("<p><b>{}</b>: {}</p>\n", name,
                     html::escaped(media ? media->path.string() : source.path.string()));
}

}  // namespace

std::string to_html(const Comparison& comparison) {
  std::string body = source_row("A", comparison.a, comparison.media_a) +
                     source_row("B", comparison.b, comparison.media_b) + verdict(comparison.beyond);
  if (comparison.clip) body += frames_part(*comparison.clip);
  if (!comparison.stages.empty()) body += stages_part(comparison);
  return html::page("chitu compare", body);
}

}  // namespace chitu::pipelines
