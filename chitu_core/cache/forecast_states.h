#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "chitu_core/cache/stored_states.h"

namespace chitu::cache {

/// Results of computed steps and their finite differences, and the polynomial through them that
/// forecasts the steps between: TaylorSeer, arXiv:2503.06923, eq. 5 and 6.
///
///     d_0 = F,  d_k = (d_(k-1) - d_(k-1) at the computed step before) / steps between the two
///     forecast after n steps: sum of d_k n^k / k!
///
/// It is linear in F: the forecast of the sum of what all modules add is the sum of their
/// forecasts, so one set of tensors for a range of layers does the work of one set per module.
class ForecastStates {
 public:
  ForecastStates(std::int64_t order, bool parked);

  /// The result of a computed step. Takes the tensor.
  void put(at::Tensor result, std::int64_t step);
  /// Adds what put() would have been given at this step.
  void add_to(at::Tensor& sum, std::int64_t step) const;
  /// The same in a tensor of its own.
  at::Tensor at_step(std::int64_t step) const;
  /// Brings parked tensors to the device, and drops them there: for a dry run, which counts that.
  void fetch() const;
  /// Tensors that are held.
  std::int64_t held() const;

 private:
  std::vector<StoredStates> differences_;  ///< d_0 to d_order; the last ones may be empty
  std::int64_t last_step_ = 0;
};

}  // namespace chitu::cache
