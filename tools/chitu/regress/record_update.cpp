#include "tools/chitu/regress/record_update.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "chitu_core/io/frames_digest.h"
#include "tools/chitu/regress/verdict.h"

namespace chitu::tools {
namespace {

constexpr std::size_t kContextLines = 2;

RecordedFrames frames_of(const RegressCase& regress_case, const io::FramesDigest& digest) {
  const auto count = static_cast<std::int64_t>(digest.each.size());
  return {.count = count,
          .width = digest.width_px,
          .height = digest.height_px,
          .stored = std::min(count, regress_case.stored_frames.value_or(count)),
          .stored_sha256 = {}};
}

bool has_key(const std::vector<Approval>& approved, const MachineKey& key) {
  return std::ranges::any_of(approved, [&](const Approval& a) { return a.key == key; });
}

/// Whether each stored frame is one of an approved clip, all of the same.
bool are_approved(const StoredRecord& stored, const std::vector<Approval>& approved) {
  const auto sums = io::digest_of(stored.frames).each;
  const auto indices = stored_indices(stored.record.frames);
  return std::ranges::any_of(approved, [&](const Approval& approval) {
    for (std::size_t i = 0; i < sums.size(); ++i)
      if (approval.sha256[static_cast<std::size_t>(indices[i])] != sums[i]) return false;
    return true;
  });
}

/// Whether the figures of the first key also hold here. Peaks may depend on the processor.
bool keeps_figures(const RegressCase& regress_case, const StoredRecord& before,
                   const CaseOutcome& outcome) {
  const auto& approved = before.record.approved;
  if (approved.empty() || approved.front().key == outcome.key) return false;
  return std::ranges::all_of(
      judge(regress_case, before, outcome).regressions,
      [](const Finding& finding) { return finding.kind == Finding::Kind::frames; });
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// Lengths of the longest common subsequence of the lines from [i] and [k] on.
std::vector<std::vector<std::size_t>> common_lengths(const std::vector<std::string>& a,
                                                     const std::vector<std::string>& b) {
  std::vector<std::vector<std::size_t>> lengths(a.size() + 1,
                                                std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = a.size(); i-- > 0;)
    for (std::size_t k = b.size(); k-- > 0;)
      lengths[i][k] =
          a[i] == b[k] ? lengths[i + 1][k + 1] + 1 : std::max(lengths[i + 1][k], lengths[i][k + 1]);
  return lengths;
}

/// All lines in order, each with its mark: ' ' in both, '-' in the first, '+' in the second.
std::vector<std::pair<char, std::string>> marked_lines(const std::vector<std::string>& a,
                                                       const std::vector<std::string>& b) {
  const auto lengths = common_lengths(a, b);
  std::vector<std::pair<char, std::string>> lines;
  std::size_t i = 0, k = 0;
  while (i < a.size() || k < b.size()) {
    if (i < a.size() && k < b.size() && a[i] == b[k]) {
      lines.emplace_back(' ', a[i]);
      ++i, ++k;
    } else if (k == b.size() || (i < a.size() && lengths[i + 1][k] >= lengths[i][k + 1])) {
      lines.emplace_back('-', a[i++]);
    } else {
      lines.emplace_back('+', b[k++]);
    }
  }
  return lines;
}

}  // namespace

StoredRecord new_record(const RegressCase& regress_case, const CaseOutcome& outcome) {
  StoredRecord stored;
  stored.record.case_name = regress_case.name;
  stored.record.device = outcome.figures.device;
  stored.record.frames = frames_of(regress_case, outcome.digest);
  stored.record.approved = {{outcome.key, outcome.digest.each}};
  stored.record.ranks = outcome.key.ranks;
  stored.record.stages = recorded_stages(outcome.figures);
  stored.frames = stored_frames_of(outcome.frames, stored.record.frames);
  stored.record.frames.stored_sha256 = io::digest_of(stored.frames).all;
  stored.memory = outcome.memory;
  return stored;
}

RecordUpdate updated_record(const RegressCase& regress_case, const StoredRecord& before,
                            const CaseOutcome& outcome, const ApprovalRules& rules) {
  RecordUpdate update{.stored = new_record(regress_case, outcome), .frames_replaced = true};
  GoldenRecord& record = update.stored.record;
  const GoldenRecord& old = before.record;
  const bool same_size = old.frames.count == record.frames.count &&
                         old.frames.width == record.frames.width &&
                         old.frames.height == record.frames.height;
  if (!same_size) return update;  // sums of other clips hold no longer
  const Approval own{outcome.key, outcome.digest.each};
  const bool known_here = std::ranges::count(old.approved, own) > 0;
  const bool had_key = has_key(old.approved, outcome.key);
  std::vector<Approval> approved;
  bool others = false;
  for (const Approval& approval : old.approved) {
    const bool is_own = approval.key == outcome.key;
    if (is_own ? known_here || rules.add : !rules.forget_others) approved.push_back(approval);
    others |= !is_own && !rules.forget_others;
  }
  if (!known_here) approved.push_back(own);
  record.approved = approved;
  if (keeps_figures(regress_case, before, outcome)) {
    record.ranks = old.ranks;
    record.stages = old.stages;
  }
  const auto differences =
      pipelines::compare_clips(before.frames, stored_frames_of(outcome.frames, old.frames));
  const bool near = known_here || (!had_key && within_tolerance(regress_case, differences));
  const bool keep =
      near && old.frames.stored == record.frames.stored && are_approved(before, approved);
  if (keep) {
    update.frames_replaced = false;
    record.frames = old.frames;
    update.stored.frames = before.frames;
    update.stored.memory = before.memory;
  }
  if (!near && others)
    update.notes.emplace_back(
        "the sums of other keys stay; where these frames change as well, run `chitu regress "
        "update` there, or drop them here with --forget-others");
  return update;
}

std::string line_diff(const std::string& before, const std::string& after) {
  const auto lines = marked_lines(lines_of(before), lines_of(after));
  const auto near_change = [&](std::size_t at) {
    const std::size_t first = at < kContextLines ? 0 : at - kContextLines;
    const std::size_t last = std::min(lines.size(), at + kContextLines + 1);
    for (std::size_t i = first; i < last; ++i)
      if (lines[i].first != ' ') return true;
    return false;
  };
  std::string text;
  bool left_out = false;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (near_change(i)) {
      text += std::string(1, lines[i].first) + " " + lines[i].second + "\n";
      left_out = false;
    } else if (!left_out) {
      text += "  ...\n";
      left_out = true;
    }
  }
  return text;
}

}  // namespace chitu::tools
