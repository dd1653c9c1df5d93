#include "chitu_core/cache/branch_cache.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "chitu_core/cache/relative_change.h"
#include "chitu_core/device/dry_run.h"

namespace chitu::cache {

BranchCache::BranchCache(Session& session, bool decides, bool parked)
    : session_(session), decides_(decides), parked_(parked), first_residual_(parked) {}

bool BranchCache::reuses() const {
  return plan().decides_at_run_time() ? session_.reused_ : plan().reuses(session_.step());
}

void BranchCache::begin_pass() {
  if (plan().may_reuse_from(session_.step())) return;
  lanes_.clear();
  attention_.clear();
  first_residual_.clear();
}

void BranchCache::drop(std::size_t video, std::size_t videos) {
  std::size_t lanes = lanes_.size();
  for (const auto& [key, states] : attention_) lanes = std::max(lanes, std::get<0>(key) + 1);
  const std::size_t prompts = lanes / videos;
  drop_attention(video * prompts, prompts);
  if (lanes_.empty()) return;
  const auto first = lanes_.begin() + static_cast<std::ptrdiff_t>(video * prompts);
  lanes_.erase(first, first + static_cast<std::ptrdiff_t>(prompts));
}

void BranchCache::drop_attention(std::size_t lane, std::size_t prompts) {
  std::map<AttentionKey, StoredStates> rest;
  for (auto& [key, states] : attention_) {
    auto [its_lane, layer, kind] = key;
    if (its_lane >= lane && its_lane < lane + prompts) continue;
    if (its_lane >= lane) its_lane -= prompts;
    rest.emplace(AttentionKey{its_lane, layer, kind}, std::move(states));
  }
  attention_ = std::move(rest);
}

std::int64_t BranchCache::held() const {
  std::int64_t held = std::ssize(attention_) + (first_residual_.empty() ? 0 : 1);
  for (const Streams& lane : lanes_)
    for (const ForecastStates& stream : lane) held += stream.held();
  return held;
}

/// Only the first stream of the last layer's states goes into the result.
std::size_t BranchCache::kept_streams(std::size_t all) const {
  return plan().span.last == plan().layers ? 1 : all;
}

BranchCache::Streams& BranchCache::streams_of(std::size_t lane, std::size_t count) {
  if (lanes_.size() <= lane) lanes_.resize(lane + 1);
  if (lanes_[lane].empty()) lanes_[lane].resize(count, ForecastStates(plan().order, parked_));
  return lanes_[lane];
}

bool BranchCache::keeps() const {
  if (plan().reuse == Reuse::attention || reuses()) return false;
  const std::size_t next = session_.step() + 1;
  if (plan().decides_at_run_time() || plan().order > 0) return plan().may_reuse_from(next);
  return next < plan().steps.size() && plan().reuses(next);
}

std::int64_t BranchCache::before_layer(std::int64_t index, Lanes& lanes) {
  if (plan().reuse == Reuse::attention) return index;
  const memory::LayerRange& span = plan().span;
  if (index == span.last && keeps()) keep(lanes);
  if (index != span.first) return index;
  if (plan().decides_at_run_time()) decide(lanes);
  if (!reuses()) {
    if (keeps()) enter(lanes);
    return index;
  }
  reuse(lanes);
  return span.last;
}

void BranchCache::after_layers(Lanes& lanes) {
  if (plan().reuse != Reuse::attention && plan().span.last == plan().layers && keeps()) keep(lanes);
}

/// What the layers before the range add tells how much the rest would change.
void BranchCache::decide(Lanes& lanes) {
  if (decides_ && plan().may_reuse_from(session_.step())) {
    at::Tensor residual = std::move(lanes.input(0).front()).neg_().add_(lanes.states(0).front());
    const bool known = !first_residual_.empty() && !device::in_dry_run();
    if (!known || !session_.decide(relative_mean(residual, first_residual_.get()))) {
      first_residual_.clear();
      first_residual_.put(std::move(residual));
    }
  }
  if (device::in_dry_run()) count_reuse();
  if (!reuses()) session_.announce_({plan().span.first, plan().layers});
}

/// A dry run, which cannot decide, computes all layers; a run may copy what is parked instead.
void BranchCache::count_reuse() const {
  if (!first_residual_.empty()) first_residual_.get();
  for (const Streams& lane : lanes_)
    for (const ForecastStates& stream : lane) stream.fetch();
}

void BranchCache::enter(Lanes& lanes) {
  if (plan().reuse != Reuse::residual || plan().span.first == 0) return;
  for (const std::size_t lane : lanes.order()) {
    auto states = lanes.states(lane);
    states.resize(kept_streams(states.size()));
    if (entered_.size() <= lane) entered_.resize(lane + 1);
    for (at::Tensor& stream : states) entered_[lane].push_back(stream.clone());
  }
}

void BranchCache::keep(Lanes& lanes) {
  const auto step = static_cast<std::int64_t>(session_.step());
  for (const std::size_t lane : lanes.order()) {
    const auto states = lanes.states(lane);
    const std::size_t count = kept_streams(states.size());
    std::vector<at::Tensor> before;
    if (plan().reuse == Reuse::residual)
      before = entered_.empty() ? lanes.input(lane) : std::move(entered_[lane]);
    Streams& streams = streams_of(lane, count);
    for (std::size_t i = 0; i < count; ++i)
      streams[i].put(before.empty() ? states[i].clone() : before[i].neg_().add_(states[i]), step);
  }
  entered_.clear();
}

void BranchCache::reuse(Lanes& lanes) {
  const auto step = static_cast<std::int64_t>(session_.step());
  for (const std::size_t lane : lanes.order()) {
    const Streams& streams = lanes_.at(lane);
    std::vector<at::Tensor> states;
    if (plan().reuse == Reuse::residual)
      states = plan().span.first == 0 ? lanes.input(lane) : lanes.states(lane);
    states.resize(streams.size());
    for (std::size_t i = 0; i < streams.size(); ++i)
      if (plan().reuse == Reuse::residual)
        streams[i].add_to(states[i], step);
      else
        states[i] = streams[i].at_step(step);
    lanes.set(lane, std::move(states));
  }
}

bool BranchCache::reuses_attention(std::size_t step, Attention kind) const {
  const CachePlan::Step& of_step = plan().steps[step];
  return kind == Attention::self ? of_step.reuse_self_attention : of_step.reuse_cross_attention;
}

bool BranchCache::keeps_attention(Attention kind) const {
  const std::size_t step = session_.step(), next = step + 1;
  return plan().reuse == Reuse::attention && !reuses_attention(step, kind) &&
         next < plan().steps.size() && reuses_attention(next, kind);
}

bool BranchCache::reuse_attention(std::int64_t layer, std::size_t lane, Attention kind,
                                  at::Tensor& states) {
  if (plan().reuse != Reuse::attention || !reuses_attention(session_.step(), kind)) return false;
  states.add_(attention_of(lane, layer, kind).get());
  return true;
}

at::Tensor BranchCache::attention_begin(Attention kind, const at::Tensor& states) const {
  return keeps_attention(kind) ? states.clone() : at::Tensor();
}

void BranchCache::attention_end(std::int64_t layer, std::size_t lane, Attention kind,
                                at::Tensor before, const at::Tensor& states) {
  if (!before.defined()) return;
  StoredStates& kept = attention_of(lane, layer, kind);
  kept.clear();
  kept.put(before.neg_().add_(states));
}

std::vector<std::int64_t> BranchCache::dry_run_state(std::int64_t layer) const {
  if (plan().reuse != Reuse::attention) return {};
  const auto of_layer = [&](const auto& kept) { return std::get<1>(kept.first) == layer; };
  return {static_cast<std::int64_t>(std::ranges::count_if(attention_, of_layer)),
          keeps_attention(Attention::self), keeps_attention(Attention::cross)};
}

void BranchCache::dry_run_skip(std::int64_t layer) {
  std::map<AttentionKey, StoredStates> added;
  for (const auto& [key, states] : attention_) {
    auto [lane, its_layer, kind] = key;
    if (its_layer == layer - 1 && !attention_.contains({lane, layer, kind}))
      added.emplace(AttentionKey{lane, layer, kind}, states.dry_run_twin());
  }
  attention_.merge(added);
}

StoredStates& BranchCache::attention_of(std::size_t lane, std::int64_t layer, Attention kind) {
  const std::lock_guard lock(mutex_);  // videos may compute side by side
  return attention_.try_emplace({lane, layer, kind}, parked_).first->second;
}

}  // namespace chitu::cache
