#include "chitu_core/cache/velocity_history.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "chitu_core/cache/relative_change.h"

namespace chitu::cache {

void VelocityHistory::record(const at::Tensor& latents, double sigma, const at::Tensor& velocity) {
  steps_.push_back({latents, velocity, sigma});
  if (steps_.size() > most_) steps_.pop_front();
}

at::Tensor VelocityHistory::predict(const at::Tensor& latents, double sigma_now, double sigma_next,
                                    std::int64_t span) const {
  const at::Tensor& last = steps_.back().velocity;
  if (span <= 0) return last;
  const std::size_t back = std::min(static_cast<std::size_t>(span), steps_.size());
  const Step& start = steps_[steps_.size() - back];
  const double distance = sigma_now - start.sigma;
  const at::Tensor average = latents.sub(start.latents).div_(distance);
  const at::Tensor change = start.velocity.to(at::kFloat).sub(average).div_(distance);
  return last.to(at::kFloat).sub(change.mul(sigma_next - sigma_now)).to(last.scalar_type());
}

double VelocityHistory::change(const at::Tensor& predicted) const {
  return relative_norm(predicted, steps_.back().velocity);
}

}  // namespace chitu::cache
