#include "chitu_core/cache/session.h"

#include <algorithm>
#include <utility>

#include "chitu_core/cache/branch_cache.h"
#include "chitu_core/device/dry_run.h"

namespace chitu::cache {
namespace {

std::size_t longest_span(const CachePlan& plan) {
  std::int64_t longest = 1;
  for (const CachePlan::Step& step : plan.steps) longest = std::max(longest, step.span);
  return static_cast<std::size_t>(longest);
}

}  // namespace

Session::Session(CachePlan plan, std::size_t videos, std::size_t branches, bool parked)
    : plan_(std::move(plan)), histories_(videos, VelocityHistory(longest_span(plan_))) {
  for (std::size_t branch = 0; branch < branches; ++branch)
    branches_.push_back(std::make_unique<BranchCache>(*this, branch == 0, parked));
}

Session::~Session() = default;

void Session::begin(Announce announce) {
  announce_ = std::move(announce);
  // A dry run counts most steps without their passes, so each pass announces itself.
  announces_ahead_ = !plan_.decides_at_run_time() && !device::in_dry_run();
  if (!announces_ahead_) return;
  for (const CachePlan::Step& step : plan_.steps)
    for (std::size_t branch = 0; branch < branches_.size() && !step.layers.empty(); ++branch)
      announce_(step.layers);
}

void Session::begin_step(std::size_t step) {
  step_ = step;
  reused_ = false;
}

void Session::drop(std::size_t video) {
  for (const auto& branch : branches_) branch->drop(video, histories_.size());
  histories_.erase(histories_.begin() + static_cast<std::ptrdiff_t>(video));
}

bool Session::decide(double change) {
  const double all = plan_.sums_changes ? changes_ + change : change;
  const bool in_row = plan_.most_reused == 0 || reused_row_ < plan_.most_reused;
  reused_ = plan_.steps[step_].may_reuse && in_row && all <= *plan_.threshold;
  changes_ = reused_ ? all : 0;
  reused_row_ = reused_ ? reused_row_ + 1 : 0;
  return reused_;
}

bool Session::reuses_velocity(const at::Tensor& latents, double sigma_now, double sigma_next) {
  if (plan_.reuse != Reuse::velocity) return false;
  if (!plan_.decides_at_run_time()) return plan_.steps[step_].layers.empty();
  const VelocityHistory& history = histories_.front();
  if (history.empty() || !plan_.steps[step_].may_reuse || device::in_dry_run()) return false;
  const std::int64_t span = plan_.steps[step_].span;
  return decide(history.change(history.predict(latents, sigma_now, sigma_next, span)));
}

at::Tensor Session::velocity(std::size_t video, const at::Tensor& latents, double sigma_now,
                             double sigma_next) const {
  return histories_[video].predict(latents, sigma_now, sigma_next, plan_.steps[step_].span);
}

void Session::record(std::size_t video, const at::Tensor& latents, double sigma,
                     const at::Tensor& velocity) {
  if (plan_.reuse != Reuse::velocity) return;
  if (plan_.may_reuse_from(step_ + 1))
    histories_[video].record(latents, sigma, velocity);
  else
    histories_[video].clear();
}

void Session::begin_pass(std::size_t branch) {
  branches_[branch]->begin_pass();
  if (announces_ahead_) return;
  const bool decides_within = plan_.decides_at_run_time() && plan_.reuse != Reuse::velocity;
  announce_(decides_within ? memory::LayerRange{0, plan_.span.first} : plan_.steps[step_].layers);
}

PassCache* Session::of_branch(std::size_t branch) {
  return plan_.reuse == Reuse::velocity ? nullptr : branches_[branch].get();
}

memory::LayerRange Session::computed_layers() const {
  if (!plan_.decides_at_run_time() || !reused_) return plan_.steps[step_].layers;
  if (plan_.reuse == Reuse::velocity) return {};
  return {0, plan_.span.first};  // they decided
}

bool Session::decides_step() const {
  return !device::in_dry_run() || !(plan_.is_upper_bound || plan_.steps[step_].may_reuse);
}

std::string_view Session::decision() const {
  if (!reused_ && !plan_.reuses(step_)) return "compute";
  const bool forecasts =
      plan_.reuse == Reuse::velocity ? plan_.steps[step_].span > 0 : plan_.order > 0;
  return forecasts ? "forecast" : "reuse";
}

std::int64_t Session::held() const {
  std::int64_t held = 0;
  for (const auto& branch : branches_) held += branch->held();
  return held;
}

std::vector<std::int64_t> Session::kind() const {
  const CachePlan::Step& step = plan_.steps[step_];
  std::vector<std::int64_t> kind{step.layers.first, step.layers.last, step.span,
                                 step.reuse_self_attention, step.reuse_cross_attention};
  for (std::size_t next = step_; next < plan_.steps.size() && next <= step_ + 1; ++next)
    kind.push_back(plan_.may_reuse(next));
  kind.push_back(plan_.may_reuse_from(step_ + 1));
  kind.push_back(held());
  for (const VelocityHistory& history : histories_)
    kind.push_back(static_cast<std::int64_t>(history.size()));
  return kind;
}

}  // namespace chitu::cache
