#include "tools/chitu/regress/regress_report.h"

#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "pipelines/compare/comparison_text.h"

namespace chitu::tools {
namespace {

using Basis = FramesVerdict::Basis;
using nlohmann::json;
using pipelines::StageFigures;
using pipelines::StagePair;

const char* result_of(const Verdict& verdict) {
  if (!verdict.error.empty()) return "ERROR";
  return verdict.passed() ? "pass" : "FAIL";
}

std::string frames_text(const FramesVerdict& frames) {
  switch (frames.basis) {
    case Basis::identical:
      return "identical";
    case Basis::mismatch:
      return "other size";
    case Basis::tolerance:
      return pipelines::psnr_text(pipelines::worst_of(frames.differences).psnr_db);
    case Basis::differ:
      return "differ";
  }
  return "";
}

/// Of all stages of the record and of this run, as `combine` puts them together.
template <class Figure, class Combine>
std::string change_of(const std::vector<StagePair>& stages, Figure figure, Combine combine) {
  std::int64_t before = 0, now = 0;
  for (const StagePair& stage : stages) {
    if (stage.a) before = combine(before, (*stage.a).*figure);
    if (stage.b) now = combine(now, (*stage.b).*figure);
  }
  return pipelines::change_text(before, now);
}

std::string loads_of(const std::vector<StagePair>& stages) {
  std::int64_t before = 0, now = 0;
  for (const StagePair& stage : stages) {
    before += stage.a ? stage.a->loads : 0;
    now += stage.b ? stage.b->loads : 0;
  }
  return pipelines::count_change(before, now);
}

std::string time_of(const std::optional<TimeResult>& time) {
  return time ? fmt::format("{:.3f} of {:.3f}", time->ratio, time->limit) : "-";
}

std::vector<std::string> row_of(const Verdict& verdict) {
  if (!verdict.error.empty()) return {verdict.name, result_of(verdict)};
  const auto most = [](std::int64_t a, std::int64_t b) { return std::max(a, b); };
  const auto sum = [](std::int64_t a, std::int64_t b) { return a + b; };
  return {verdict.name,
          result_of(verdict),
          frames_text(verdict.frames),
          change_of(verdict.stages, &StageFigures::peak_bytes, most),
          change_of(verdict.stages, &StageFigures::h2d_bytes, sum),
          change_of(verdict.stages, &StageFigures::d2h_bytes, sum),
          change_of(verdict.stages, &StageFigures::disk_bytes, sum),
          loads_of(verdict.stages),
          time_of(verdict.time)};
}

json to_json(const Verdict& verdict) {
  json regressions = json::array();
  for (const Finding& finding : verdict.regressions)
    regressions.push_back({{"kind", name_of(finding.kind)}, {"text", finding.text}});
  const auto& differences = verdict.frames.differences;
  const auto worst = pipelines::worst_of(differences);
  const bool finite = std::isfinite(worst.psnr_db);
  return {{"name", verdict.name},
          {"passed", verdict.passed()},
          {"error", verdict.error.empty() ? json() : json(verdict.error)},
          {"frames", verdict.error.empty() ? json(frames_text(verdict.frames)) : json()},
          {"worst_psnr_db", finite ? json(worst.psnr_db) : json()},
          {"worst_ssim", worst.ssim ? json(*worst.ssim) : json()},
          {"time_ratio", verdict.time ? json(verdict.time->ratio) : json()},
          {"regressions", regressions},
          {"notes", verdict.notes}};
}

std::size_t count_of(const std::vector<CaseReport>& cases, const std::string& result) {
  return static_cast<std::size_t>(std::ranges::count_if(
      cases, [&](const CaseReport& report) { return result == result_of(report.verdict); }));
}

}  // namespace

const char* name_of(Finding::Kind kind) {
  switch (kind) {
    case Finding::Kind::frames:
      return "frames";
    case Finding::Kind::memory:
      return "memory";
    case Finding::Kind::bytes:
      return "bytes";
    case Finding::Kind::loads:
      return "loads";
    case Finding::Kind::stages:
      return "stages";
    case Finding::Kind::time:
      return "time";
  }
  return "";
}

std::string summary(const std::vector<CaseReport>& cases) {
  std::string text = fmt::format("{} case{}: {} passed", cases.size(), cases.size() == 1 ? "" : "s",
                                 count_of(cases, "pass"));
  if (const auto failed = count_of(cases, "FAIL")) text += fmt::format(", {} regressed", failed);
  if (const auto errors = count_of(cases, "ERROR")) text += fmt::format(", {} did not run", errors);
  return text;
}

std::vector<std::vector<std::string>> case_rows(const std::vector<CaseReport>& cases) {
  std::vector<std::vector<std::string>> rows{{"case", "result", "frames", "peak", "to device",
                                              "to host", "from disk", "loads", "time ratio"}};
  for (const CaseReport& report : cases) rows.push_back(row_of(report.verdict));
  return rows;
}

std::string to_text(const std::vector<CaseReport>& cases) {
  std::string text;
  for (const std::string& line : pipelines::aligned_lines(case_rows(cases))) text += line + "\n";
  for (const CaseReport& report : cases) {
    const Verdict& verdict = report.verdict;
    if (!verdict.error.empty()) text += verdict.name + ": did not run: " + verdict.error + "\n";
    for (const Finding& finding : verdict.regressions)
      text += verdict.name + ": regressed: " + finding.text + "\n";
    for (const std::string& note : verdict.notes) text += verdict.name + ": " + note + "\n";
  }
  return text + summary(cases) + "\n";
}

json to_json(const std::vector<CaseReport>& cases) {
  json list = json::array();
  for (const CaseReport& report : cases) list.push_back(to_json(report.verdict));
  const auto passed = count_of(cases, "pass");
  return {{"passed", passed == cases.size()}, {"cases", list}};
}

}  // namespace chitu::tools
