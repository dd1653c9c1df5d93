#include "pipelines/stages/denoise_loop.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "chitu_core/device/dry_run.h"
#include "chitu_core/graph/layer_watch.h"
#include "pipelines/stages/check_finite.h"

namespace chitu::pipelines {
namespace {

/// Reports one step to the observers; also its end when it throws.
class Step {
 public:
  Step(graph::Context& context, std::int64_t index, std::int64_t count)
      : context_(context),
        index_(static_cast<int>(index)),
        count_(static_cast<int>(count)),
        part_(fmt::format("step {}", index)) {
    context_.tell([&](auto& observer) { observer.step_begin(index_, count_); });
  }
  ~Step() {
    context_.tell([&](auto& observer) { observer.step_end(index_, count_); });
  }
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;

 private:
  graph::Context& context_;
  int index_, count_;
  device::DryRunPart part_;
};

std::string step_name(std::int64_t index, const char* what) {
  return fmt::format("step_{:03}.{}", index, what);
}

void keep_schedule(const models::Scheduler& schedule, graph::Context& context) {
  if (!context.dump) return;
  context.keep("timesteps", at::tensor(schedule.timesteps(), at::kDouble));
  context.keep("sigmas", at::tensor(schedule.sigmas(), at::kFloat));
}

std::vector<at::Tensor> predict(const GuidanceBranches& branches, const at::Tensor& latents,
                                double timestep, memory::LayerObserver& layers) {
  std::vector<at::Tensor> predictions;
  for (const auto& branch : branches)
    for (at::Tensor& prediction : branch->predict(latents, timestep, layers))
      predictions.push_back(std::move(prediction));
  return predictions;
}

/// The steps of one stage along a schedule.
class Walk {
 public:
  /// passes  over the layers of the component, in all steps together
  Walk(const Guidance& guidance, models::Scheduler& schedule, memory::Component& component,
       const GuidanceBranches& branches, const Request& request, graph::Context& context,
       std::int64_t passes)
      : guidance_(guidance),
        schedule_(schedule),
        component_(component),
        branches_(branches),
        request_(request),
        context_(context),
        layers_(context, component, passes) {}

  /// Takes the schedule's next step.
  at::Tensor step(const at::Tensor& from) {
    const std::int64_t index = schedule_.next_index(), count = schedule_.step_count();
    context_.check_stop();
    const Step step(context_, index, count);
    const double timestep = schedule_.timesteps()[static_cast<std::size_t>(index)];
    const at::Tensor velocity = guide(predict(branches_, from, timestep, layers_), index);
    at::Tensor latents = schedule_.step(velocity, index, from);
    context_.keep(step_name(index, "latents"), latents);
    check_finite(latents, fmt::format("step {} of {}: the latents", index + 1, count),
                 [&] { return advice(); });
    context_.tell([&](auto& observer) {
      observer.latents_changed(static_cast<int>(index), static_cast<int>(count), latents);
    });
    return latents;
  }

 private:
  at::Tensor guide(const std::vector<at::Tensor>& predictions, std::int64_t step) const {
    const bool guided = predictions.size() > 1;
    if (step == 0) context_.keep(step_name(0, "noise_pred_cond"), predictions[0]);
    if (step == 0 && guided) context_.keep(step_name(0, "noise_pred_uncond"), predictions[1]);
    at::Tensor velocity = predictions[0];
    if (guided)
      velocity = guidance_.combine(predictions[0], predictions[1], guidance_.scale(request_));
    context_.keep(step_name(step, "noise_pred"), velocity);
    return velocity;
  }

  /// What may help if the latents are not finite.
  std::string advice() const {
    std::string advice =
        dtype_advice(component_.name(), context_.plan.component(component_.name()), "infer.dtype");
    if (request_.flow_shift)
      advice += fmt::format("; or request.flow_shift nearer to the checkpoint's than {}",
                            *request_.flow_shift);
    if (request_.guided())
      advice += fmt::format("; or request.{} below {}", guidance_.key, guidance_.scale(request_));
    return advice;
  }

  const Guidance& guidance_;
  models::Scheduler& schedule_;
  memory::Component& component_;
  const GuidanceBranches& branches_;
  const Request& request_;
  graph::Context& context_;
  graph::LayerWatch layers_;
};

/// In a dry run: skips the steps that are like the last one taken.
void leave_out(std::int64_t steps, models::Scheduler& schedule, graph::Context& context) {
  if (steps == 0) return;
  schedule.skip(steps);
  context.tell([&](auto& observer) { observer.steps_left_out(steps); });
}

}  // namespace

std::unique_ptr<models::Scheduler> DenoiseLoop::schedule_of(const graph::Latents& start,
                                                            const Job& job,
                                                            graph::Context& context) const {
  if (start.scheduler) return start.scheduler->clone();
  auto schedule = scheduler->make(job.request.flow_shift);
  schedule->set_timesteps(job.request.num_inference_steps);
  keep_schedule(*schedule, context);
  return schedule;
}

std::int64_t DenoiseLoop::steps_of(const models::Scheduler& schedule) const {
  const auto& timesteps = schedule.timesteps();
  const auto next = timesteps.begin() + schedule.next_index();
  return std::find_if(next, timesteps.end(),
                      [&](double timestep) { return timestep < least_timestep; }) -
         next;
}

std::optional<graph::Latents> DenoiseLoop::known(const graph::Latents& start, const Job& job,
                                                 graph::Context& context) const {
  auto schedule = schedule_of(start, job, context);
  if (steps_of(*schedule) > 0) return std::nullopt;
  return graph::Latents{start.latents, std::move(schedule)};
}

graph::Latents DenoiseLoop::run(const graph::Latents& start, memory::Component& component,
                                const GuidanceBranches& branches, const Job& job,
                                graph::Context& context) const {
  auto schedule = schedule_of(start, job, context);
  const std::int64_t steps = steps_of(*schedule);
  const std::int64_t taken = std::min(steps, context.most_steps.value_or(steps));
  const std::int64_t passes = taken * static_cast<std::int64_t>(branches.size());
  at::Tensor latents = start.latents;
  {
    Walk walk(guidance, *schedule, component, branches, job.request, context, passes);
    for (std::int64_t i = 0; i < taken; ++i) latents = walk.step(latents);
  }
  leave_out(steps - taken, *schedule, context);
  if (schedule->next_index() == schedule->step_count()) context.keep("final_latents", latents);
  return {std::move(latents), std::move(schedule)};
}

}  // namespace chitu::pipelines
