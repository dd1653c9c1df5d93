#include "pipelines/forecast/forecaster.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/graph/context.h"
#include "chitu_core/graph/execution.h"
#include "chitu_core/graph/step_decisions.h"

namespace chitu::pipelines {
namespace {

/// After this many steps of a stage, each further step holds and moves what the one before it did:
/// the scheduler's history is full, keys and values are cached.
constexpr std::int64_t kDryRunSteps = 4;

device::DryRunUse moved_between(const device::DryRunUse& before, device::DryRunUse after) {
  add_work(after, before, -1);
  return after;
}

/// Reads the counters at the borders of stages and steps.
class BookReader final : public graph::Observer, public graph::StepDecisionObserver {
 public:
  BookReader(device::DryRun& dry_run, Forecast& forecast)
      : dry_run_(dry_run), forecast_(forecast) {}

  void stage_begin(std::string_view stage) override {
    dry_run_.reset_peaks();
    before_stage_ = dry_run_.use();
    stage_ = {.name = std::string(stage)};
    layer_came_ = false;
    left_out_ = 0;
  }
  void stage_end(std::string_view) override {
    stage_.use = moved_between(before_stage_, dry_run_.use());
    add_work(stage_.use, stage_.step, left_out_);
    const std::int64_t passes = stage_.decisions.empty() ? stage_.steps : stage_.decisions.passes();
    stage_.passes = stage_.use.flops > 0 ? std::max<std::int64_t>(1, passes) : 0;
    forecast_.stages.push_back(std::move(stage_));
  }
  void component_onloaded(std::string_view, std::int64_t) override {
    stage_.lead = moved_between(before_stage_, dry_run_.use());
  }
  void layer_streamed(std::string_view, const memory::StreamEvent&) noexcept override {
    if (!std::exchange(layer_came_, true))
      stage_.lead = moved_between(before_stage_, dry_run_.use());
  }
  void step_begin(int, int) override {
    before_step_ = dry_run_.use();
    computes_all_ = true;
  }
  void step_decided(const graph::StepDecision& decision) override {
    stage_.decisions.add(decision);
    computes_all_ = decision.decision == "compute";
  }
  void step_end(int, int) override {
    if (computes_all_) stage_.step = moved_between(before_step_, dry_run_.use());
    ++stage_.steps;
  }
  void steps_left_out(std::int64_t count) override {
    stage_.steps += count;
    left_out_ = count;
  }

 private:
  device::DryRun& dry_run_;
  Forecast& forecast_;
  StageForecast stage_;        ///< the one that runs now
  bool computes_all_ = true;   ///< the step does
  bool layer_came_ = false;    ///< a streamed layer has arrived in this stage
  std::int64_t left_out_ = 0;  ///< steps of this stage that were skipped
  device::DryRunUse before_stage_, before_step_;
};

/// The plan with its devices replaced by those of dry runs.
memory::MemoryPlan on_imitated_devices(memory::MemoryPlan plan) {
  const auto stand_in = [](c10::Device device) {
    return device.is_cpu() ? device::DryRun::host() : device::DryRun::device();
  };
  plan.device = stand_in(plan.device);
  for (auto& component : plan.components) component.plan.device = stand_in(component.plan.device);
  return plan;
}

std::int64_t read_by_a_pass(const memory::Component& component,
                            const memory::WeightFormat& format) {
  std::int64_t bytes = component.bytes_in(format);
  component.module().visit_parameters([&](const std::string&, const memory::Parameter& parameter) {
    if (parameter.gathered) bytes -= parameter.stored_bytes();
  });
  return bytes;
}

/// Which weights the stages use. Valid only while none is bound.
void describe_weights(const Pipeline& pipeline, Forecast& forecast) {
  for (StageForecast& stage : forecast.stages)
    for (const auto& info : pipeline.graph().stages()) {
      if (info.name != stage.name || info.components.empty()) continue;
      const memory::Component& component = *info.components.front();
      stage.component = component.name();
      stage.weight_bytes =
          read_by_a_pass(component, forecast.plan.component(component.name()).format());
    }
}

void sum_up(Forecast& forecast) {
  for (const StageForecast& stage : forecast.stages) {
    forecast.peak_device_bytes = std::max(forecast.peak_device_bytes, stage.use.peak_device);
    forecast.peak_host_bytes = std::max(forecast.peak_host_bytes, stage.use.peak_host);
    forecast.h2d_bytes += stage.use.h2d;
    forecast.d2h_bytes += stage.use.d2h;
    forecast.disk_bytes += stage.use.disk;
    forecast.sent_bytes += stage.use.sent;
    forecast.sent_weight_bytes += stage.use.sent_weights;
    forecast.flops += stage.use.flops;
  }
}

using Work = std::function<void(const DryRunScene&)>;

Work one_request(const Request& request, bool longest_prompts) {
  return [&request, longest_prompts](const DryRunScene& scene) {
    const Pipeline& pipeline = scene.pipeline;
    graph::Execution run(pipeline.graph(), std::any(Job{request, {}, longest_prompts}),
                         pipeline.frames_slot());
    graph::run_to_end(run, scene.context);
  };
}

Forecast dry_run_of(const Pipeline& pipeline, device::DryRun& dry_run,
                    const memory::MemoryPlan& plan, graph::Observer* observer, const Work& work) {
  const c10::InferenceMode inference;
  Forecast forecast;
  forecast.plan = plan;
  BookReader reader(dry_run, forecast);
  graph::Context context{on_imitated_devices(plan), {&reader}, {}, nullptr};
  if (observer) context.observers.push_back(observer);
  context.most_steps = kDryRunSteps;
  {
    // Weights of a dry run never mix with real ones, even after a failure.
    const struct Forget {
      const Pipeline& pipeline;
      ~Forget() {
        for (memory::Component* component : pipeline.components()) component->forget();
      }
    } forget{pipeline};
    work({pipeline, context, dry_run, forecast.stages});
  }
  describe_weights(pipeline, forecast);
  sum_up(forecast);
  return forecast;
}

}  // namespace

CacheDecisions Forecast::decisions() const {
  CacheDecisions all;
  for (const StageForecast& stage : stages) all.add(stage.decisions);
  return all;
}

const StageForecast* Forecast::step_stage() const {
  const auto most = std::ranges::max_element(stages, {}, &StageForecast::steps);
  return most == stages.end() || most->steps == 0 ? nullptr : &*most;
}

device::ImitatedDevice imitated_device(c10::Device device) {
  const bool on_cpu = device.is_cpu() || device.type() == c10::kPrivateUse1;
  // libtorch's caching allocator of accelerators rounds requests up to 512 bytes.
  return {.host_kernels = on_cpu, .granule = on_cpu ? 1 : 512, .rounds_pinned = !on_cpu};
}

Forecaster::Forecaster(std::unique_ptr<Pipeline> pipeline, const device::ImitatedDevice& device,
                       device::Repetition repetition)
    : pipeline_(std::move(pipeline)), device_(device), repetition_(repetition) {}

Forecast Forecaster::forecast(const Request& request, const memory::MemoryPlan& plan,
                              bool longest_prompts) const {
  return forecast(plan, one_request(request, longest_prompts));
}

Forecast Forecaster::forecast(const memory::MemoryPlan& plan, const Work& work) const {
  device::DryRun dry_run(device_, repetition_);
  return dry_run_of(*pipeline_, dry_run, plan, observer_, work);
}

device::DryRunPeak Forecaster::held_at(std::int64_t bytes, const Request& request,
                                       const memory::MemoryPlan& plan, bool longest_prompts) const {
  device::DryRun dry_run(device_, repetition_);
  dry_run.watch(bytes, plan.device.is_cpu());
  dry_run_of(*pipeline_, dry_run, plan, observer_, one_request(request, longest_prompts));
  return dry_run.peak();
}

}  // namespace chitu::pipelines
