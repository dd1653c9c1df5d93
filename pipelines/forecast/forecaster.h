#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "chitu_core/device/dry_run.h"
#include "chitu_core/memory/plan.h"
#include "pipelines/model/pipeline.h"
#include "pipelines/model/request.h"

namespace chitu::pipelines {

/// What one stage of a planned run holds at most and moves.
struct StageForecast {
  std::string name{};
  device::DryRunUse use{};   ///< peaks within the stage; moved and computed by it
  device::DryRunUse lead{};  ///< moved and computed until its component, or the first layer that
                             ///< is streamed of it, was there
  std::string component{};   ///< that it uses; empty = none
  std::int64_t weight_bytes = 0;  ///< of the component, without tables of which rows are gathered
  std::int64_t passes =
      1;  ///< over these weights at least: steps, or 1; 0 where nothing is computed
  std::int64_t steps = 0;    ///< denoising steps that the stage takes
  device::DryRunUse step{};  ///< moved and computed by one of them
};

/// What a request would take with a memory plan.
struct Forecast {
  memory::MemoryPlan plan;
  std::int64_t peak_device_bytes = 0;  ///< 0 where the host is the device
  std::int64_t peak_host_bytes = 0;    ///< of tensors, without the process itself
  std::vector<StageForecast> stages;
  std::int64_t h2d_bytes = 0, d2h_bytes = 0, disk_bytes = 0;  ///< of the whole request
  double flops = 0;

  /// The first of the stages that take the most steps; null if none takes any.
  const StageForecast* step_stage() const;
  /// Moved and computed by one denoising step of that stage.
  device::DryRunUse step() const { return step_stage() ? step_stage()->step : device::DryRunUse{}; }
  bool host_computes() const { return plan.device.is_cpu(); }
  /// Of where it computes.
  std::int64_t peak_bytes() const { return host_computes() ? peak_host_bytes : peak_device_bytes; }
};

/// What a plan for this device has to know of it.
device::ImitatedDevice imitated_device(c10::Device device);

/// What the work of a dry run is done with.
struct DryRunScene {
  const Pipeline& pipeline;
  graph::Context& context;
  const device::DryRun& dry_run;
  /// Those that have ended, in order. Work that knows a stage without doing it adds it here.
  std::vector<StageForecast>& stages;
};

/// Runs a pipeline with neither weights nor arithmetic, and says what it would hold and move: exact
/// shapes through the very code of a run.
class Forecaster {
 public:
  /// pipeline  one made for plans (ModelChoices::for_plan)
  Forecaster(std::unique_ptr<Pipeline> pipeline, const device::ImitatedDevice& device,
             device::Repetition repetition = device::Repetition::counted);

  const Pipeline& pipeline() const { return *pipeline_; }

  /// Tells this observer, too, which stage and step is planned; null = nobody.
  void watch(graph::Observer* observer) { observer_ = observer; }

  /// longest_prompts  whatever the prompts say, as if they filled the sequence
  Forecast forecast(const Request& request, const memory::MemoryPlan& plan,
                    bool longest_prompts = false) const;

  /// Of any work with the stages of the pipeline.
  Forecast forecast(const memory::MemoryPlan& plan,
                    const std::function<void(const DryRunScene&)>& work) const;

  /// What is held, and what is being done, when use first comes to so many bytes: use of the
  /// device, or of the host where that computes.
  device::DryRunPeak held_at(std::int64_t bytes, const Request& request,
                             const memory::MemoryPlan& plan, bool longest_prompts = false) const;

 private:
  std::unique_ptr<Pipeline> pipeline_;
  device::ImitatedDevice device_;
  device::Repetition repetition_;
  graph::Observer* observer_ = nullptr;
};

}  // namespace chitu::pipelines
