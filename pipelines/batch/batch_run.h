#pragma once

#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pipelines/batch/advised_error.h"
#include "pipelines/batch/batch.h"
#include "pipelines/batch/window.h"
#include "pipelines/batch/window_forecast.h"
#include "pipelines/batch/window_ranks.h"
#include "pipelines/model/model_identity.h"
#include "pipelines/model/pipeline.h"
#include "pipelines/spill/spill.h"

namespace chitu::pipelines {

/// An opened checkpoint, for a window.
struct BatchModel {
  const Pipeline& pipeline;
  ModelIdentity identity;
  std::filesystem::path ckpt_dir;
  /// Throws InputError for an output that cannot be written. Asked before each leg of an item,
  /// which fails alone: names may be blocked while a batch goes on.
  std::function<void(const Request& request, const Output& output)> check_output{};
};

/// One window from its checks to its last item.
class BatchRun {
 public:
  /// Checks everything that can be checked before the work begins.
  ///
  /// throws  InputError as Engine::generate_batch(); all that is given outlives this
  BatchRun(const BatchModel& model, std::span<const BatchItem> items, const BatchOptions& options,
           BatchObserver& observer);

  /// For forecasts.
  const PlannedWindow& planned() const { return planned_; }
  std::int64_t size() const { return options_.size; }

  /// advice  what a user may do about an error of a request, "" = nothing more
  /// throws  InputError when the forecast's values exceed the spill limit; as Window::run()
  BatchEnd run(const memory::MemoryPlan& plan, const WindowForecast& forecast,
               const Advice& advice);

 private:
  void check_folder() const;
  void check_names() const;
  void check_item(const BatchItem& item) const;
  void check_files(const BatchItem& item) const;
  void check_limit(const WindowForecast& forecast) const;
  struct OpenSpill {
    std::unique_ptr<Spill> spill;
    const DiskSpill* disk;  ///< the same; null on a rank that has no files
  };
  OpenSpill open_spill(std::size_t last_leg, std::int64_t most_bytes) const;

  const BatchModel& model_;
  std::span<const BatchItem> items_;
  const BatchOptions& options_;
  BatchObserver& observer_;
  WindowRanks ranks_;
  PlannedWindow planned_;
};

}  // namespace chitu::pipelines
