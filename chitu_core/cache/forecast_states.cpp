#include "chitu_core/cache/forecast_states.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

namespace chitu::cache {

ForecastStates::ForecastStates(std::int64_t order, bool parked)
    : differences_(static_cast<std::size_t>(order) + 1, StoredStates(parked)) {}

void ForecastStates::put(at::Tensor result, std::int64_t step) {
  const double between = static_cast<double>(step - last_step_);
  last_step_ = step;
  for (StoredStates& difference : differences_) {
    const bool first = difference.empty();
    const bool ends = first || &difference == &differences_.back();
    at::Tensor next;
    if (!ends) next = difference.take().neg_().add_(result).div_(between);
    difference.clear();
    difference.put(std::move(result));
    if (ends) return;
    result = std::move(next);
  }
}

void ForecastStates::add_to(at::Tensor& sum, std::int64_t step) const {
  const double ahead = static_cast<double>(step - last_step_);
  double factor = 1;
  for (std::size_t k = 0; k < differences_.size() && !differences_[k].empty(); ++k) {
    if (k > 0) factor *= ahead / static_cast<double>(k);
    sum.add_(differences_[k].get(), factor);
  }
}

at::Tensor ForecastStates::at_step(std::int64_t step) const {
  at::Tensor sum = at::zeros_like(differences_.front().get());
  add_to(sum, step);
  return sum;
}

void ForecastStates::fetch() const {
  for (const StoredStates& difference : differences_)
    if (!difference.empty()) difference.get();
}

std::int64_t ForecastStates::held() const {
  return std::ranges::count_if(differences_, [](const auto& kept) { return !kept.empty(); });
}

}  // namespace chitu::cache
