#pragma once

#include <ATen/core/Tensor.h>

#include <stop_token>
#include <string>

#include "chitu_core/io/frames_digest.h"
#include "pipelines/compare/memory_curves.h"
#include "pipelines/compare/run_figures.h"
#include "tools/chitu/compute_threads.h"
#include "tools/chitu/regress/machine_key.h"
#include "tools/chitu/regress/regress_case.h"

namespace chitu::parallel {
class Ranks;
}

namespace chitu::tools {

/// What a run of a case made and took.
struct CaseOutcome {
  at::Tensor frames;  ///< [T, H, W, 3] uint8
  io::FramesDigest digest;
  pipelines::RunFigures figures;
  pipelines::MemoryCurve memory;
  MachineKey key;
};

/// Runs cases one after another in this process. Each opens an engine of its own and closes it, so
/// that it begins with an empty device: on sim and on accelerators its peaks, bytes and loads are
/// those of a process of its own.
class CaseRunner {
 public:
  /// ranks  that run the same case at the same time; null for one process
  CaseRunner(ComputeThreads& threads, std::stop_token stop, parallel::Ranks* ranks = nullptr)
      : threads_(threads), stop_(std::move(stop)), ranks_(ranks) {}

  /// throws  what opening the engine and the run throw
  CaseOutcome run(const RegressCase& regress_case);
  /// The seconds of all stages of a run without other observers.
  double seconds(const RegressCase& regress_case);

 private:
  void use_threads(const RegressCase& regress_case);

  ComputeThreads& threads_;
  std::stop_token stop_;
  parallel::Ranks* ranks_;
};

}  // namespace chitu::tools
