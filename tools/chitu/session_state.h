#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "chitu_core/parallel/ranks.h"
#include "pipelines/engine.h"
#include "pipelines/run_checker.h"
#include "tools/chitu/compute_threads.h"
#include "tools/chitu/interrupt.h"
#include "tools/chitu/logging.h"

namespace chitu::tools {

/// State that the calls of one session share.
struct SessionState {
  /// The engine of the last job that succeeded: most jobs of a sweep can share one.
  struct OpenEngine {
    pipelines::EngineOptions options;
    pipelines::Engine engine;
  };
  struct JobChecks {
    pipelines::RunChecker runs{};
    std::map<std::filesystem::path, std::string> dumps{};  ///< the title of the job that writes it
  };
  Logging logging{};
  ComputeThreads threads{};
  /// That do every job of a sweep together; null for one process, and for a single run.
  std::unique_ptr<parallel::Ranks> ranks{};
  std::optional<OpenEngine> engine{};
  /// From the first run on: a signal that comes as one job ends stops the sweep before the next.
  std::optional<Interrupt> interrupt{};
  std::optional<JobChecks> checks{};  ///< while the jobs of a sweep are checked
};

}  // namespace chitu::tools
