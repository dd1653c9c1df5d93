#include "pipelines/stages/denoise_loop.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/device/dry_run.h"
#include "chitu_core/device/traffic.h"
#include "chitu_core/graph/layer_watch.h"
#include "pipelines/flexcache/cached_steps.h"
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

/// One video on its way along its schedule.
struct Sampling {
  const DenoiseLoop::Video& video;
  std::unique_ptr<models::Scheduler> schedule;
  at::Tensor latents;
  std::exception_ptr error{};  ///< why it went no further
};

/// The steps of one stage along the schedule that several videos share.
class Walk {
 public:
  /// passes  over the layers of the component, in all steps together
  /// cache   may be null
  Walk(const Guidance& guidance, std::vector<Sampling>& samplings, memory::Component& component,
       const GuidanceBranches& branches, graph::Context& context, std::int64_t passes,
       cache::Session* cache)
      : guidance_(guidance),
        component_(component),
        branches_(branches),
        context_(context),
        layers_(cache ? graph::LayerWatch(context, component, passes, kPartial)
                      : graph::LayerWatch(context, component, passes)),
        sole_(samplings.size() == 1) {
    for (Sampling& sampling : samplings) active_.push_back(&sampling);
    if (!cache) return;
    cached_.emplace(*cache, component, layers_);
    for (std::size_t b = 0; b < branches.size(); ++b) branches[b]->use_cache(cache->of_branch(b));
  }

  /// Takes the schedule's next step. False when no video is left.
  bool step() {
    if (active_.empty()) return false;
    const models::Scheduler& schedule = *active_.front()->schedule;
    const std::int64_t index = schedule.next_index();
    context_.check_stop();
    const Step step(context_, index, schedule.step_count());
    if (!cached_) {
      advance(index);
      return true;
    }
    const bool computed = cached_->step(schedule, [&] { advance(index); });
    if (!computed)
      for (const Sampling* sampling : active_) sampling->schedule->skip(1);
    cached_->tell_decision(context_, index);
    return true;
  }

 private:
  static constexpr graph::LayerWatch::PartialPasses kPartial{};

  void advance(std::int64_t index) {
    auto predictions = predict(index);
    for (std::size_t i = 0; i < active_.size(); ++i) take_step(i, std::move(predictions[i]), index);
    drop_failed();
  }

  /// For each video the velocities of its prompts, or the guided one that a cache predicts.
  std::vector<std::vector<at::Tensor>> predict(std::int64_t index) {
    const models::Scheduler& schedule = *active_.front()->schedule;
    const double timestep = schedule.timesteps()[static_cast<std::size_t>(index)];
    std::vector<at::Tensor> latents;
    for (const Sampling* sampling : active_) latents.push_back(sampling->latents);
    if (auto reused = cached_ ? cached_->velocities(latents, schedule) : std::nullopt)
      return std::move(*reused);
    std::vector<std::vector<at::Tensor>> predictions(active_.size());
    for (std::size_t b = 0; b < branches_.size(); ++b) {
      if (cached_) cached_->begin_pass(b);
      auto of_branch = branches_[b]->predict(latents, timestep, layers_);
      for (std::size_t i = 0; i < of_branch.size(); ++i)
        for (at::Tensor& velocity : of_branch[i]) predictions[i].push_back(std::move(velocity));
    }
    return predictions;
  }

  void take_step(std::size_t video, std::vector<at::Tensor> predictions, std::int64_t index) {
    Sampling& sampling = *active_[video];
    const Request& request = sampling.video.job.request;
    const std::int64_t count = sampling.schedule->step_count();
    try {
      const at::Tensor velocity = guide(request, predictions, index);
      predictions.clear();
      if (cached_) cached_->record(video, sampling.latents, *sampling.schedule, velocity);
      sampling.latents = sampling.schedule->step(velocity, index, sampling.latents);
      context_.keep(step_name(index, "latents"), sampling.latents);
      check_finite(sampling.latents, fmt::format("step {} of {}: the latents", index + 1, count),
                   [&] { return advice(request); });
      if (sole_) tell_latents(sampling.latents, index, count);
    } catch (const Interrupted&) {
      throw;
    } catch (const std::exception&) {
      sampling.error = std::current_exception();
    }
  }

  void tell_latents(const at::Tensor& latents, std::int64_t index, std::int64_t count) const {
    context_.tell([&](auto& observer) {
      observer.latents_changed(static_cast<int>(index), static_cast<int>(count), latents);
    });
  }

  void drop_failed() {
    for (std::size_t i = active_.size(); i-- > 0;) {
      if (!active_[i]->error) continue;
      for (const auto& branch : branches_) branch->drop(i);
      if (cached_) cached_->drop(i);
      active_[i]->latents.reset();
      active_.erase(active_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }

  at::Tensor guide(const Request& request, const std::vector<at::Tensor>& predictions,
                   std::int64_t step) const {
    const bool guided = predictions.size() > 1;
    if (step == 0) context_.keep(step_name(0, "noise_pred_cond"), predictions[0]);
    if (step == 0 && guided) context_.keep(step_name(0, "noise_pred_uncond"), predictions[1]);
    at::Tensor velocity = predictions[0];
    if (guided)
      velocity = guidance_.combine(predictions[0], predictions[1], guidance_.scale(request));
    context_.keep(step_name(step, "noise_pred"), velocity);
    return velocity;
  }

  /// What may help if the latents are not finite.
  std::string advice(const Request& request) const {
    std::string advice =
        dtype_advice(component_.name(), context_.plan.component(component_.name()), "infer.dtype");
    if (request.flow_shift)
      advice += fmt::format("; or request.flow_shift nearer to the checkpoint's than {}",
                            *request.flow_shift);
    if (request.guided())
      advice += fmt::format("; or request.{} below {}", guidance_.key, guidance_.scale(request));
    return advice;
  }

  const Guidance& guidance_;
  memory::Component& component_;
  const GuidanceBranches& branches_;
  graph::Context& context_;
  graph::LayerWatch layers_;
  std::optional<CachedSteps> cached_;
  std::vector<Sampling*> active_;  ///< those that go on
  bool sole_;                      ///< observers see the latents of a video that is alone
};

/// In a dry run: skips the steps that are like the last one taken.
void leave_out(std::int64_t steps, std::vector<Sampling>& samplings, graph::Context& context) {
  if (steps == 0) return;
  for (Sampling& sampling : samplings) sampling.schedule->skip(steps);
  context.tell([&](auto& observer) { observer.steps_left_out(steps); });
}

void check_alike(const std::vector<Sampling>& samplings) {
  const models::Scheduler& first = *samplings.front().schedule;
  for (const Sampling& sampling : samplings)
    if (sampling.schedule->timesteps() != first.timesteps() ||
        sampling.schedule->next_index() != first.next_index())
      throw Error("videos with different schedules do not take their steps together");
}

graph::Outcome<graph::Latents> outcome_of(Sampling sampling, graph::Context& context) {
  if (sampling.error) return sampling.error;
  if (sampling.schedule->next_index() == sampling.schedule->step_count())
    context.keep("final_latents", sampling.latents);
  return graph::Latents{std::move(sampling.latents), std::move(sampling.schedule)};
}

/// The tensors, too, where the latents are.
models::ScheduleMemory on_device_of(const at::Tensor& latents, models::ScheduleMemory memory) {
  for (auto& [name, tensor] : memory.tensors) tensor = device::move_to(tensor, latents.device());
  return memory;
}

}  // namespace

void GuidanceBranch::use_cache(cache::PassCache* cache) {
  if (cache) throw Error("the layers of this model do not ask a cache");
}

std::unique_ptr<models::Scheduler> DenoiseLoop::schedule_of(const graph::Latents& start,
                                                            const Job& job,
                                                            graph::Context& context) const {
  if (start.scheduler) return start.scheduler->clone();
  auto schedule = scheduling.start(job.request);
  if (start.steps_taken) {
    schedule->resume(on_device_of(start.latents, *start.steps_taken));
    return schedule;
  }
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

std::vector<graph::Outcome<graph::Latents>> DenoiseLoop::run(const std::vector<Video>& videos,
                                                             memory::Component& component,
                                                             const GuidanceBranches& branches,
                                                             graph::Context& context) const {
  std::vector<Sampling> samplings;
  for (const Video& video : videos)
    samplings.push_back({video, schedule_of(video.start, video.job, context), video.start.latents});
  check_alike(samplings);
  const std::int64_t steps = steps_of(*samplings.front().schedule);
  const auto cache = open_cache(videos, *samplings.front().schedule, branches.size(), context);
  // With a cache steps differ: a dry run counts each of them.
  const std::int64_t most = cache ? steps : context.most_steps.value_or(steps);
  const std::int64_t taken = std::min(steps, most);
  const std::int64_t passes = taken * static_cast<std::int64_t>(branches.size());
  {
    Walk walk(guidance, samplings, component, branches, context, passes, cache.get());
    for (std::int64_t i = 0; i < taken && walk.step(); ++i) continue;
  }
  leave_out(steps - taken, samplings, context);
  std::vector<graph::Outcome<graph::Latents>> outcomes;
  for (Sampling& sampling : samplings) outcomes.push_back(outcome_of(std::move(sampling), context));
  return outcomes;
}

std::unique_ptr<cache::Session> DenoiseLoop::open_cache(const std::vector<Video>& videos,
                                                        const models::Scheduler& schedule,
                                                        std::size_t branches,
                                                        const graph::Context& context) const {
  std::vector<const Request*> requests;
  for (const Video& video : videos) requests.push_back(&video.job.request);
  const auto next = schedule.timesteps().begin() + schedule.next_index();
  return pipelines::open_cache(requests, cache_facts, {{next, next + steps_of(schedule)}}, branches,
                               context.plan);
}

bool all_steps_taken(const graph::Latents& latents) {
  return latents.scheduler && latents.scheduler->next_index() == latents.scheduler->step_count();
}

graph::Latents with_latents_on(c10::Device device, const graph::Latents& latents) {
  graph::Latents moved = latents;
  moved.latents = device::move_to(latents.latents, device);
  return moved;
}

}  // namespace chitu::pipelines
