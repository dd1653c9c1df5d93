#include "tools/chitu/regress/verdict.h"

#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "chitu_core/common/bytes.h"
#include "pipelines/compare/comparison_text.h"
#include "pipelines/compare/tolerance.h"

namespace chitu::tools {
namespace {

using Kind = Finding::Kind;
using pipelines::FrameDifference;
using pipelines::Slack;
using Basis = FramesVerdict::Basis;

Slack slack_of(const std::optional<config::Amount>& amount) {
  if (!amount) return {};
  if (amount->bytes > 0) return {Slack::Kind::amount, amount->bytes, 0};
  return {Slack::Kind::share, 0, amount->share};
}

Slack slack_of(const std::optional<std::int64_t>& count) {
  return count ? Slack{Slack::Kind::amount, *count, 0} : Slack{};
}

bool is_near(const RegressCase& regress_case, const FrameDifference& frame) {
  return frame.psnr_db >= regress_case.least_psnr_db &&
         (!frame.ssim || *frame.ssim >= regress_case.least_ssim);
}

std::string ranks_text(const std::string& ranks) {
  return ranks.empty() ? "one process" : "ranks of " + ranks;
}

std::string distance_text(const FrameDifference& frame) {
  return fmt::format("PSNR {}, SSIM {}", pipelines::psnr_text(frame.psnr_db),
                     frame.ssim ? fmt::format("{:.4f}", *frame.ssim) : "-");
}

/// Adds to the verdict what is worse and what is better than recorded.
class Judge {
 public:
  Judge(const RegressCase& regress_case, const StoredRecord& stored, const CaseOutcome& outcome,
        Verdict& verdict)
      : case_(regress_case), stored_(stored), outcome_(outcome), verdict_(verdict) {}

  void frames() {
    FramesVerdict& frames = verdict_.frames;
    const RecordedFrames& size = stored_.record.frames;
    const auto count = static_cast<std::int64_t>(outcome_.digest.each.size());
    if (count != size.count || outcome_.digest.width_px != size.width ||
        outcome_.digest.height_px != size.height) {
      frames.basis = Basis::mismatch;
      return regress(Kind::frames,
                     fmt::format("{} frames of {}x{}, the record has {} of {}x{}", count,
                                 outcome_.digest.width_px, outcome_.digest.height_px, size.count,
                                 size.width, size.height));
    }
    frames.indices = stored_indices(size);
    frames.differences =
        pipelines::compare_clips(stored_.frames, stored_frames_of(outcome_.frames, size));
    if (const Approval* found = approval_of(outcome_.digest, outcome_.key, stored_.record.approved))
      return note_other_key(*found);
    if (case_.mode == FrameMode::exact && has_own_key()) return differ();
    near();
  }

  void stages() {
    if (stored_.record.device != outcome_.figures.device)
      return regress(Kind::stages, fmt::format("the record is of device {}, this run is on {}",
                                               stored_.record.device, outcome_.figures.device));
    if (stored_.record.ranks != outcome_.key.ranks)
      return note(
          fmt::format("memory, bytes and loads are not compared: the record is of {}, this "
                      "run is of {}",
                      ranks_text(stored_.record.ranks), ranks_text(outcome_.key.ranks)));
    const auto now = recorded_stages(outcome_.figures);
    for (const RecordedStage& stage : stored_.record.stages) {
      const auto found = std::ranges::find(now, stage.name, &RecordedStage::name);
      if (found == now.end())
        regress(Kind::stages, "stage " + stage.name + ": did not run");
      else
        compare(stage, *found);
    }
    for (const RecordedStage& stage : now)
      if (std::ranges::count(stored_.record.stages, stage.name, &RecordedStage::name) == 0)
        regress(Kind::stages, "stage " + stage.name + ": is not in the record");
    if (improved_) note("takes less than recorded: `chitu regress update` keeps the gain");
  }

 private:
  void regress(Kind kind, std::string_view text) {
    verdict_.regressions.push_back({kind, std::string(text)});
  }
  void note(std::string_view text) { verdict_.notes.emplace_back(text); }

  bool has_own_key() const {
    return std::ranges::any_of(stored_.record.approved, [&](const Approval& approval) {
      return approval.key == outcome_.key;
    });
  }

  void note_other_key(const Approval& found) {
    if (!(found.key == outcome_.key)) note("frames are those approved for " + to_string(found.key));
  }

  /// The sums of other frames than the stored ones differ, too, but only these can be shown.
  void differ() {
    verdict_.frames.basis = Basis::differ;
    const Approval* own = nullptr;
    for (const Approval& approval : stored_.record.approved)
      if (approval.key == outcome_.key) own = &approval;
    std::vector<std::string> differing;
    for (std::size_t i = 0; i < own->sha256.size(); ++i)
      if (own->sha256[i] != outcome_.digest.each[i]) differing.push_back(std::to_string(i));
    const auto worst = pipelines::worst_of(verdict_.frames.differences);
    regress(Kind::frames,
            fmt::format("{} of {} frames differ from the approved ones, frame {} first: {} pixels "
                        "of the stored frames by up to {} of 255, worst {}",
                        differing.size(), own->sha256.size(), differing.front(),
                        worst.differing_pixels, worst.largest_difference, distance_text(worst)));
  }

  void near() {
    verdict_.frames.basis = Basis::tolerance;
    const auto worst = pipelines::worst_of(verdict_.frames.differences);
    if (case_.mode == FrameMode::exact)
      note("compared by tolerance: no frames are approved for " + to_string(outcome_.key));
    for (std::size_t i = 0; i < verdict_.frames.differences.size(); ++i)
      if (const auto& frame = verdict_.frames.differences[i]; !is_near(case_, frame))
        regress(Kind::frames, fmt::format("frame {}: {}, expected at least {} dB and {}",
                                          verdict_.frames.indices[i], distance_text(frame),
                                          case_.least_psnr_db, case_.least_ssim));
    note("frames are near: worst " + distance_text(worst));
  }

  void compare(const RecordedStage& before, const RecordedStage& now) {
    const Slack peak = slack_of(case_.tolerance.peak), bytes = slack_of(case_.tolerance.bytes);
    if (before.peak_bytes && now.peak_bytes)
      figure(Kind::memory, before.name, "peak", *before.peak_bytes, *now.peak_bytes, peak);
    figure(Kind::bytes, before.name, "to device", before.h2d_bytes, now.h2d_bytes, bytes);
    figure(Kind::bytes, before.name, "to host", before.d2h_bytes, now.d2h_bytes, bytes);
    figure(Kind::bytes, before.name, "from disk", before.disk_bytes, now.disk_bytes, bytes);
    improved_ |= now.loads < before.loads;
    if (!slack_of(case_.tolerance.loads).allows_growth(before.loads, now.loads))
      regress(Kind::loads,
              fmt::format("stage {}: loads {} -> {}", before.name, before.loads, now.loads));
  }

  void figure(Kind kind, const std::string& stage, const char* what, std::int64_t before,
              std::int64_t now, const Slack& slack) {
    improved_ |= now < before;
    if (!slack.allows_growth(before, now))
      regress(kind, fmt::format("stage {}: {} {} -> {} (+{} B)", stage, what, format_bytes(before),
                                format_bytes(now), now - before));
  }

  const RegressCase& case_;
  const StoredRecord& stored_;
  const CaseOutcome& outcome_;
  Verdict& verdict_;
  bool improved_ = false;
};

/// Seconds are not recorded, nor is the resident set of a CPU run: those of this run stand there.
pipelines::RunFigures figures_of(const GoldenRecord& record, const pipelines::RunFigures& now) {
  pipelines::RunFigures figures{.device = record.device, .stages = {}};
  for (const RecordedStage& stage : record.stages) {
    pipelines::StageFigures& made = figures.stages.emplace_back();
    const auto same = std::ranges::find(now.stages, stage.name, &pipelines::StageFigures::name);
    if (same != now.stages.end()) made = *same;
    made.name = stage.name;
    made.peak_bytes = stage.peak_bytes.value_or(made.peak_bytes);
    made.h2d_bytes = stage.h2d_bytes;
    made.d2h_bytes = stage.d2h_bytes;
    made.disk_bytes = stage.disk_bytes;
    made.loads = stage.loads;
  }
  return figures;
}

}  // namespace

Verdict judge(const RegressCase& regress_case, const StoredRecord& stored,
              const CaseOutcome& outcome) {
  Verdict verdict;
  verdict.name = regress_case.name;
  verdict.seconds = outcome.figures.seconds();
  verdict.stages =
      pipelines::paired_stages(figures_of(stored.record, outcome.figures), outcome.figures);
  Judge judge(regress_case, stored, outcome, verdict);
  judge.frames();
  judge.stages();
  return verdict;
}

void add_time(const TimeResult& result, Verdict& verdict) {
  verdict.time = result;
  if (result.slow)
    verdict.regressions.push_back(
        {Kind::time, fmt::format("time: {:.3f} of its reference, at most {:.3f}, in {} rounds",
                                 result.ratio, result.limit, result.rounds)});
}

const Approval* approval_of(const io::FramesDigest& digest, const MachineKey& key,
                            const std::vector<Approval>& approved) {
  const Approval* found = nullptr;
  for (const Approval& approval : approved) {
    if (approval.sha256 != digest.each) continue;
    if (approval.key == key) return &approval;
    if (!found) found = &approval;
  }
  return found;
}

bool within_tolerance(const RegressCase& regress_case,
                      const std::vector<FrameDifference>& differences) {
  return std::ranges::all_of(differences,
                             [&](const auto& frame) { return is_near(regress_case, frame); });
}

}  // namespace chitu::tools
