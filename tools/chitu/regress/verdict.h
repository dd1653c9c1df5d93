#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pipelines/compare/comparison.h"
#include "pipelines/compare/frame_comparison.h"
#include "tools/chitu/regress/case_run.h"
#include "tools/chitu/regress/record_store.h"
#include "tools/chitu/regress/regress_case.h"
#include "tools/chitu/regress/time_rounds.h"

namespace chitu::tools {

/// One thing that is worse than recorded, or that a reader should know.
struct Finding {
  enum class Kind { frames, memory, bytes, loads, stages, time };
  Kind kind;
  std::string text;
};

/// How the frames of a case compare with its record.
struct FramesVerdict {
  enum class Basis {
    identical,  ///< to approved sums
    tolerance,  ///< by PSNR and SSIM
    differ,     ///< from the sums approved for this machine
    mismatch,   ///< another number or size of frames
  };
  Basis basis = Basis::identical;
  std::vector<std::int64_t> indices;                    ///< of the stored frames
  std::vector<pipelines::FrameDifference> differences;  ///< of these; empty with a mismatch
};

/// How one case went.
struct Verdict {
  std::string name;
  FramesVerdict frames;
  std::vector<pipelines::StagePair> stages;  ///< record (a) and this run (b)
  std::optional<TimeResult> time;
  std::vector<Finding> regressions;
  std::vector<std::string> notes;  ///< such as a comparison by tolerance, or an improvement
  std::string error;               ///< why the case did not run; else empty
  double seconds = 0;              ///< of its stages

  bool passed() const { return error.empty() && regressions.empty(); }
};

/// Compares a run with its record. Only more than recorded is a regression; less is a note.
Verdict judge(const RegressCase& regress_case, const StoredRecord& stored,
              const CaseOutcome& outcome);

/// Adds what the rounds of time say.
void add_time(const TimeResult& result, Verdict& verdict);

/// The approval whose sums are those of the digest, of this key first; null if there is none.
const Approval* approval_of(const io::FramesDigest& digest, const MachineKey& key,
                            const std::vector<Approval>& approved);

/// Whether frames are as near to the stored ones as the case asks.
bool within_tolerance(const RegressCase& regress_case,
                      const std::vector<pipelines::FrameDifference>& differences);

}  // namespace chitu::tools
