#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <deque>

namespace chitu::cache {

/// The last steps of one video, and the velocity that they predict.
class VelocityHistory {
 public:
  /// most  steps that are kept, 1 or more
  explicit VelocityHistory(std::size_t most) : most_(most) {}

  /// A step from latents at a noise level along a velocity, computed or predicted.
  void record(const at::Tensor& latents, double sigma, const at::Tensor& velocity);
  bool empty() const { return steps_.empty(); }
  void clear() { steps_.clear(); }
  std::size_t size() const { return steps_.size(); }

  /// The last velocity, corrected towards the average velocity of the coming step: MeanCache's
  /// estimate of the Jacobian-vector product over the last `span` steps.
  ///
  ///     u = (x_now - x_s) / (sigma_now - sigma_s),  J = (v_s - u) / (sigma_now - sigma_s)
  ///     v = v_last - J (sigma_next - sigma_now)
  ///
  /// where s is the step `span` - 1 before the last one.
  ///
  /// latents  now, float32
  /// span     0 = the last velocity as it is; at most as many steps as there are count
  /// returns  in the dtype of the last velocity
  /// source   MeanCache, github.com/UnicomAI/MeanCache
  at::Tensor predict(const at::Tensor& latents, double sigma_now, double sigma_next,
                     std::int64_t span) const;

  /// How much a predicted velocity differs from the last one, as a share of that.
  double change(const at::Tensor& predicted) const;

 private:
  struct Step {
    at::Tensor latents, velocity;
    double sigma;
  };
  std::deque<Step> steps_;
  std::size_t most_;
};

}  // namespace chitu::cache
