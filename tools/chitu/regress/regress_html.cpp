#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include "pipelines/compare/comparison_text.h"
#include "pipelines/compare/html.h"
#include "pipelines/compare/memory_curves.h"
#include "tools/chitu/regress/regress_report.h"

namespace chitu::tools {
namespace {

namespace html = pipelines::html;

constexpr std::size_t kMostFrames = 8;

std::string list_item(const char* look, const std::string& text) {
  return fmt::format("<li class=\"{}\">{}</li>\n", look, html::escaped(text));
}

std::string findings(const Verdict& verdict) {
  std::string text = "<ul>\n";
  if (!verdict.error.empty()) text += list_item("fail", "did not run: " + verdict.error);
  for (const Finding& finding : verdict.regressions) text += list_item("fail", finding.text);
  for (const std::string& note : verdict.notes) text += list_item("note", note);
  return text + "</ul>\n";
}

/// The frames with their own numbers: not every frame is stored.
std::string frames_part(const CaseReport& report) {
  const auto& frames = report.verdict.frames;
  if (frames.differences.empty()) return "";
  const at::Tensor now = stored_frames_of(report.outcome->frames, report.stored.record.frames);
  const std::string stored =
      frames.indices.size() < report.outcome->digest.each.size()
          ? fmt::format("<p>{} of {} frames are stored.</p>\n", frames.indices.size(),
                        report.outcome->digest.each.size())
          : "";
  return stored + html::frame_pairs({report.stored.frames, now, frames.differences, "record",
                                     "this run", frames.indices},
                                    kMostFrames);
}

std::string stages_part(const CaseReport& report) {
  std::vector<std::string> names;
  for (const auto& stage : report.outcome->figures.stages) names.push_back(stage.name);
  return html::table(pipelines::stage_rows(report.verdict.stages)) +
         pipelines::memory_curves_svg(names, {report.stored.memory, report.outcome->memory});
}

std::string case_part(const CaseReport& report) {
  const Verdict& verdict = report.verdict;
  std::string text = fmt::format(
      "<section class=\"case\" id=\"case-{0}\" data-passed=\"{1}\">\n"
      "<h2>{0} <span class=\"{2}\">{3}</span></h2>\n",
      html::escaped(verdict.name), verdict.passed(), verdict.passed() ? "pass" : "fail",
      verdict.passed() ? "passed" : "failed");
  text += findings(verdict);
  if (report.outcome) text += frames_part(report) + stages_part(report);
  return text + "</section>\n";
}

}  // namespace

std::string to_html(const std::vector<CaseReport>& cases, const std::string& suite) {
  std::string body = fmt::format("<p id=\"summary\">{}</p>\n", html::escaped(summary(cases)));
  body += html::table(case_rows(cases));
  for (const CaseReport& report : cases) body += case_part(report);
  return html::page("chitu regress: " + suite, body);
}

}  // namespace chitu::tools
