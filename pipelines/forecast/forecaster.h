#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "chitu_core/device/dry_run.h"
#include "chitu_core/memory/plan.h"
#include "pipelines/flexcache/cache_decisions.h"
#include "pipelines/model/pipeline.h"
#include "pipelines/model/request.h"

namespace chitu::pipelines {

/// Peaks and traffic of one stage of a dry run.
struct StageForecast {
  std::string name{};
  device::DryRunUse use{};   ///< peaks within the stage; its traffic and arithmetic
  device::DryRunUse lead{};  ///< traffic and arithmetic until its component, or the first streamed
                             ///< layer of it, is there
  std::string component{};   ///< the one it uses; empty = none
  std::int64_t weight_bytes = 0;  ///< of the component, without tables that are gathered row by row
  /// Fewest passes over these weights: steps, or 1; 0 if nothing is computed.
  std::int64_t passes = 1;
  std::int64_t steps = 0;  ///< denoising steps of the stage
  /// Traffic and arithmetic of one of them; with a cache, of one that computes all layers.
  device::DryRunUse step{};
  CacheDecisions decisions{};  ///< of a cache
};

/// What a request takes with a memory plan.
struct Forecast {
  memory::MemoryPlan plan;
  std::int64_t peak_device_bytes = 0;  ///< 0 if the host is the device
  std::int64_t peak_host_bytes = 0;    ///< of tensors, without the process itself
  std::vector<StageForecast> stages;
  std::int64_t h2d_bytes = 0, d2h_bytes = 0, disk_bytes = 0;  ///< of the whole request
  std::int64_t sent_bytes = 0;                                ///< to other ranks, of rank 0
  std::int64_t sent_weight_bytes = 0;                         ///< of these, shares of weights
  double flops = 0;

  /// Of all stages.
  CacheDecisions decisions() const;
  /// The first of the stages with the most steps; null if none has any.
  const StageForecast* step_stage() const;
  /// Traffic and arithmetic of one denoising step of that stage.
  device::DryRunUse step() const { return step_stage() ? step_stage()->step : device::DryRunUse{}; }
  bool host_computes() const { return plan.device.is_cpu(); }
  /// Peak of the memory that computes.
  std::int64_t peak_bytes() const { return host_computes() ? peak_host_bytes : peak_device_bytes; }
};

/// What a dry run has to know of its device.
device::ImitatedDevice imitated_device(c10::Device device);

/// What the work of a dry run is done with.
struct DryRunScene {
  const Pipeline& pipeline;
  graph::Context& context;
  const device::DryRun& dry_run;
  /// Those that have ended, in order. Work that knows a stage without doing it adds it here.
  std::vector<StageForecast>& stages;
};

/// Dry-runs a pipeline, without weights and without arithmetic, and returns what it would hold and
/// move. The shapes are exact: they pass through the very code of a run.
class Forecaster {
 public:
  /// pipeline  made for dry runs (ModelChoices::for_plan)
  Forecaster(std::unique_ptr<Pipeline> pipeline, const device::ImitatedDevice& device,
             device::Repetition repetition = device::Repetition::counted);

  const Pipeline& pipeline() const { return *pipeline_; }

  /// Reports the stages and steps of dry runs to this observer too; null = none.
  void watch(graph::Observer* observer) { observer_ = observer; }

  /// longest_prompts  assumes prompts that fill the sequence, whatever the prompts are
  Forecast forecast(const Request& request, const memory::MemoryPlan& plan,
                    bool longest_prompts = false) const;

  /// Of any work with the stages of the pipeline.
  Forecast forecast(const memory::MemoryPlan& plan,
                    const std::function<void(const DryRunScene&)>& work) const;

  /// What is held, and what runs, when memory use first reaches `bytes`: use of the device, or of
  /// the host if that computes.
  device::DryRunPeak held_at(std::int64_t bytes, const Request& request,
                             const memory::MemoryPlan& plan, bool longest_prompts = false) const;

 private:
  std::unique_ptr<Pipeline> pipeline_;
  device::ImitatedDevice device_;
  device::Repetition repetition_;
  graph::Observer* observer_ = nullptr;
};

}  // namespace chitu::pipelines
