#include "chitu_core/models/schedulers/schedule.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>

#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/io/json.h"

namespace chitu::models {

std::vector<double> linspace(double first, double last, std::int64_t count) {
  std::vector<double> values(static_cast<std::size_t>(count), first);
  if (count < 2) return values;
  const double step = (last - first) / static_cast<double>(count - 1);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i) * step + first;
  values.back() = last;
  return values;
}

at::Tensor times(float factor, const at::Tensor& velocity) {
  return at::scalar_tensor(factor).mul(velocity);
}

void refuse_true(const io::JsonObject& config, std::initializer_list<const char*> keys) {
  for (const char* key : keys)
    if (config.value_or(key, false)) config.fail(key, "true is not supported, expected false");
}

std::string one_of(const io::JsonObject& config, const char* key, const std::string& fallback,
                   const std::vector<std::string>& allowed) {
  const auto value = config.value_or<std::string>(key, fallback);
  if (std::find(allowed.begin(), allowed.end(), value) == allowed.end())
    config.fail(key, fmt::format("{} is not supported, expected {}", value, join(allowed, " or ")));
  return value;
}

double positive(const io::JsonObject& config, const char* key, double fallback) {
  const double value = config.value_or(key, fallback);
  if (!(value > 0)) config.fail(key, fmt::format("expected a number above 0, got {}", value));
  return value;
}

std::optional<double> shift_terminal(const io::JsonObject& config) {
  const double value = config.value_or("shift_terminal", 0.0);
  if (value == 0.0) return std::nullopt;
  if (!(value > 0 && value < 1))
    config.fail("shift_terminal", fmt::format("expected a number between 0 and 1, got {}", value));
  return value;
}

std::int64_t num_train_timesteps(const io::JsonObject& config) {
  const auto count = config.value_or<std::int64_t>("num_train_timesteps", 1000);
  if (count < 2 || count > 1000000)
    config.fail("num_train_timesteps", fmt::format("expected 2 to 1000000, got {}", count));
  return count;
}

void check_steps(std::int64_t num_inference_steps, std::int64_t most) {
  if (num_inference_steps < 1 || num_inference_steps > most)
    throw InputError(
        fmt::format("num_inference_steps: expected 1 to {}, got {}", most, num_inference_steps));
}

}  // namespace chitu::models
