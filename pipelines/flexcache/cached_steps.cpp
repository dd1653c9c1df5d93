#include "pipelines/flexcache/cached_steps.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "chitu_core/graph/step_decisions.h"

namespace chitu::pipelines {
namespace {

/// After so many steps a scheduler holds what it holds until the last one.
constexpr std::int64_t kSchedulerFills = 4;

double sigma_at(const models::Scheduler& schedule, std::int64_t index) {
  return schedule.sigmas()[static_cast<std::size_t>(index)];
}

}  // namespace

CachedSteps::CachedSteps(cache::Session& session, const memory::Component& component,
                         graph::LayerWatch& layers)
    : session_(session), component_(component) {
  session_.begin([&](const memory::LayerRange& range) { layers.announce(range); });
}

bool CachedSteps::step(const models::Scheduler& schedule, const std::function<void()>& compute) {
  session_.begin_step(taken_++);
  auto kind = session_.kind();
  kind.push_back(std::min(schedule.next_index(), kSchedulerFills));
  kind.push_back(std::min(static_cast<std::int64_t>(taken_), kSchedulerFills));
  kind.push_back(schedule.next_index() + 1 == schedule.step_count());
  bool computed = false;
  repeats_.run(kind, [&] {
    computed = true;
    compute();
  });
  return computed;
}

std::optional<std::vector<std::vector<at::Tensor>>> CachedSteps::velocities(
    const std::vector<at::Tensor>& latents, const models::Scheduler& schedule) {
  const double now = sigma_at(schedule, schedule.next_index());
  const double next = sigma_at(schedule, schedule.next_index() + 1);
  if (!session_.reuses_velocity(latents.front(), now, next)) return std::nullopt;
  std::vector<std::vector<at::Tensor>> velocities;
  for (std::size_t video = 0; video < latents.size(); ++video)
    velocities.push_back({session_.velocity(video, latents[video], now, next)});
  return velocities;
}

void CachedSteps::record(std::size_t video, const at::Tensor& latents,
                         const models::Scheduler& schedule, const at::Tensor& velocity) {
  session_.record(video, latents, sigma_at(schedule, schedule.next_index()), velocity);
}

void CachedSteps::tell_decision(const graph::Context& context, std::int64_t index) const {
  const memory::LayerRange computed = session_.computed_layers();
  const auto& planned = session_.plan().steps[session_.step()];
  const graph::StepDecision decision{.component = component_.name(),
                                     .decision = std::string(session_.decision()),
                                     .step = static_cast<int>(index),
                                     .passes = session_.passes_per_step(),
                                     .computed_layers = computed.count(),
                                     .layers = session_.plan().layers,
                                     .first_layer = computed.empty() ? 0 : computed.first,
                                     .decided = session_.decides_step(),
                                     .self_attention_reused = planned.reuse_self_attention,
                                     .cross_attention_reused = planned.reuse_cross_attention};
  context.tell([&](auto& observer) {
    if (auto* wants = dynamic_cast<graph::StepDecisionObserver*>(&observer))
      wants->step_decided(decision);
  });
}

}  // namespace chitu::pipelines
