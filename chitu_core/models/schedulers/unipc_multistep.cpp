#include "chitu_core/models/schedulers/unipc_multistep.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/models/component_config.h"
#include "chitu_core/models/schedulers/schedule.h"

namespace chitu::models {
namespace {

const std::vector<std::string> kKnownKeys{"num_train_timesteps",
                                          "beta_start",
                                          "beta_end",
                                          "beta_schedule",
                                          "trained_betas",
                                          "solver_order",
                                          "prediction_type",
                                          "thresholding",
                                          "dynamic_thresholding_ratio",
                                          "sample_max_value",
                                          "predict_x0",
                                          "solver_type",
                                          "lower_order_final",
                                          "disable_corrector",
                                          "solver_p",
                                          "use_karras_sigmas",
                                          "use_exponential_sigmas",
                                          "use_beta_sigmas",
                                          "use_flow_sigmas",
                                          "flow_shift",
                                          "timestep_spacing",
                                          "steps_offset",
                                          "final_sigmas_type",
                                          "rescale_betas_zero_snr",
                                          "use_dynamic_shifting",
                                          "time_shift_type",
                                          "sigma_min",
                                          "sigma_max",
                                          "shift_terminal"};

void check_mode(const io::JsonObject& json) {
  check_keys(json, kKnownKeys);
  one_of(json, "prediction_type", "epsilon", {"flow_prediction"});
  if (!json.value_or("use_flow_sigmas", false))
    json.fail("use_flow_sigmas", "false is not supported, expected true");
  if (!json.value_or("predict_x0", true))
    json.fail("predict_x0", "false is not supported, expected true");
  refuse_true(json, {"thresholding", "use_karras_sigmas", "use_exponential_sigmas",
                     "use_beta_sigmas", "rescale_betas_zero_snr", "use_dynamic_shifting"});
  if (json.contains("solver_p") && !json.json().at("solver_p").is_null())
    json.fail("solver_p", "another solver is not supported, expected null");
}

/// Combinations that divide by zero: the last step would return NaN latents.
void check_last_step(const UniPCConfig& config, const io::JsonObject& json) {
  if (!config.final_sigma_zero) return;
  if (config.solver_type == UniPCSolverType::bh1)
    json.fail("solver_type",
              "bh1 has no step to sigma 0: expected bh2, or final_sigmas_type "
              "sigma_min");
  if (!config.lower_order_final && config.solver_order > 1)
    json.fail("lower_order_final",
              "only order 1 has a step to sigma 0: expected true, or "
              "final_sigmas_type sigma_min");
}

/// Solves R x = b by Gaussian elimination with pivoting; R is at most 3 by 3.
std::vector<double> solve(std::vector<std::vector<double>> r, std::vector<double> b) {
  const std::size_t n = b.size();
  for (std::size_t column = 0; column < n; ++column) {
    std::size_t pivot = column;
    for (std::size_t row = column; row < n; ++row)
      if (std::abs(r[row][column]) > std::abs(r[pivot][column])) pivot = row;
    std::swap(r[column], r[pivot]);
    std::swap(b[column], b[pivot]);
    for (std::size_t row = column + 1; row < n; ++row) {
      const double factor = r[row][column] / r[column][column];
      for (std::size_t k = column; k < n; ++k) r[row][k] -= factor * r[column][k];
      b[row] -= factor * b[column];
    }
  }
  for (std::size_t row = n; row-- > 0;) {
    for (std::size_t k = row + 1; k < n; ++k) b[row] -= r[row][k] * b[k];
    b[row] /= r[row][row];
  }
  return b;
}

constexpr const char* kLastSample = "last_sample";

/// 0 is the newest.
std::string prediction_name(std::size_t index) { return "prediction_" + std::to_string(index); }

/// Half the logarithm of the signal-to-noise ratio.
float lambda(float sigma) { return std::log(1.0F - sigma) - std::log(sigma); }

/// The weights of the differences between predictions, for steps whose lengths relative to this one
/// are `ratios` (the last is 1 for a corrector).
std::vector<double> difference_weights(const std::vector<float>& ratios, float hh, float b_h) {
  std::vector<std::vector<double>> r;
  std::vector<double> b;
  float phi = std::expm1(hh) / hh - 1.0F;
  float factorial = 1.0F;
  for (std::size_t i = 0; i < ratios.size(); ++i) {
    auto& row = r.emplace_back();
    for (const float ratio : ratios) row.push_back(std::pow(ratio, static_cast<float>(i)));
    b.push_back(phi * factorial / b_h);
    factorial *= static_cast<float>(i + 2);
    phi = phi / hh - 1.0F / factorial;
  }
  return solve(std::move(r), std::move(b));
}

}  // namespace

UniPCConfig UniPCConfig::from_json(const io::JsonObject& json) {
  check_mode(json);
  UniPCConfig config;
  config.num_train_timesteps = models::num_train_timesteps(json);
  config.solver_order = json.value_or<std::int64_t>("solver_order", 2);
  if (config.solver_order < 1 || config.solver_order > 3)
    json.fail("solver_order", "expected 1, 2 or 3, got " + std::to_string(config.solver_order));
  // diffusers reads the three other names as bh2.
  const auto type =
      one_of(json, "solver_type", "bh2", {"bh1", "bh2", "midpoint", "heun", "logrho"});
  config.solver_type = type == "bh1" ? UniPCSolverType::bh1 : UniPCSolverType::bh2;
  config.lower_order_final = json.value_or("lower_order_final", true);
  config.disable_corrector = json.value_or("disable_corrector", config.disable_corrector);
  config.flow_shift = positive(json, "flow_shift", 1.0);
  config.shift_terminal = models::shift_terminal(json);
  config.final_sigma_zero =
      one_of(json, "final_sigmas_type", "zero", {"zero", "sigma_min"}) == "zero";
  check_last_step(config, json);
  return config;
}

void UniPCMultistepScheduler::set_timesteps(std::int64_t num_inference_steps,
                                            const ScheduleOptions& options) {
  check_steps(num_inference_steps, config_.num_train_timesteps);
  std::vector<double> sigmas = options.sigmas;
  if (sigmas.empty()) {
    sigmas = linspace(1.0, 1.0 / static_cast<double>(config_.num_train_timesteps),
                      num_inference_steps + 1);
    sigmas.pop_back();
  } else if (static_cast<std::int64_t>(sigmas.size()) != num_inference_steps) {
    throw InputError("sigmas: expected one per step");
  }
  shift_sigmas(sigmas, config_.flow_shift);
  if (config_.shift_terminal) stretch_to_terminal(sigmas, *config_.shift_terminal);
  constexpr double tiny = 1e-6;
  if (std::abs(sigmas.front() - 1.0) < tiny) sigmas.front() -= tiny;  // log(1 - 1) is -infinity

  std::vector<double> timesteps;
  for (const double sigma : sigmas)
    timesteps.push_back(std::trunc(sigma * static_cast<double>(config_.num_train_timesteps)));
  sigmas.push_back(config_.final_sigma_zero ? 0.0 : sigmas.back());
  start(std::move(timesteps), {sigmas.begin(), sigmas.end()});
}

std::int64_t UniPCMultistepScheduler::order_at(std::int64_t index) const {
  std::int64_t order = std::min(config_.solver_order, index + 1);
  if (config_.lower_order_final) order = std::min(order, step_count() - index);
  return order;
}

at::Tensor UniPCMultistepScheduler::advance(const at::Tensor& sample, std::int64_t source,
                                            std::int64_t order, const at::Tensor& arrived) const {
  const auto sigma = [&](std::int64_t index) { return sigmas()[static_cast<std::size_t>(index)]; };
  const float alpha = 1.0F - sigma(source + 1);
  const float h = lambda(sigma(source + 1)) - lambda(sigma(source));
  const float hh = -h;
  const float phi_1 = std::expm1(hh);
  const float b_h = config_.solver_type == UniPCSolverType::bh1 ? hh : phi_1;

  std::vector<float> ratios;
  for (std::int64_t back = 1; back < order; ++back)
    ratios.push_back((lambda(sigma(source - back)) - lambda(sigma(source))) / h);
  if (arrived.defined()) ratios.push_back(1.0F);
  // For the lowest order the paper gives this weight directly, without solving the system.
  const std::vector<double> weights =
      ratios.size() == 1 ? std::vector<double>{0.5} : difference_weights(ratios, hh, b_h);

  const at::Tensor& newest = predictions_[0];
  at::Tensor result = sample.mul(sigma(source + 1) / sigma(source)).sub_(newest.mul(alpha * phi_1));
  at::Tensor correction;
  const auto add = [&](const at::Tensor& difference, double weight) {
    const at::Tensor term = difference.mul(weight);
    correction = correction.defined() ? correction.add_(term) : term;
  };
  for (std::int64_t back = 1; back < order; ++back) {
    const auto i = static_cast<std::size_t>(back);
    add(predictions_[i].sub(newest).div_(ratios[i - 1]), weights[i - 1]);
  }
  if (arrived.defined()) add(arrived.sub(newest), weights.back());
  if (correction.defined()) result.sub_(correction.mul_(alpha * b_h));
  return result;
}

at::Tensor UniPCMultistepScheduler::take_step(const at::Tensor& model_output, std::int64_t index,
                                              const at::Tensor& sample) {
  if (index == 0) predictions_.clear();
  const at::Tensor prediction =
      sample.sub(times(sigmas()[static_cast<std::size_t>(index)], model_output));
  const bool corrects =
      index > 0 && std::find(config_.disable_corrector.begin(), config_.disable_corrector.end(),
                             index - 1) == config_.disable_corrector.end();
  last_sample_ = corrects ? advance(last_sample_, index - 1, last_order_, prediction) : sample;
  predictions_.push_front(prediction);
  if (static_cast<std::int64_t>(predictions_.size()) > config_.solver_order)
    predictions_.pop_back();
  last_order_ = order_at(index);
  return advance(last_sample_, index, last_order_, {}).to(sample.scalar_type());
}

void UniPCMultistepScheduler::remember_steps(ScheduleMemory& memory) const {
  if (predictions_.empty()) return;
  for (std::size_t i = 0; i < predictions_.size(); ++i)
    memory.tensors[prediction_name(i)] = predictions_[i];
  memory.tensors[kLastSample] = last_sample_;
}

void UniPCMultistepScheduler::recall_steps(const ScheduleMemory& memory) {
  forget_steps();
  if (next_index() == 0 || next_index() == step_count()) return;
  for (std::size_t i = 0; memory.tensors.contains(prediction_name(i)); ++i)
    predictions_.push_back(memory.tensors.at(prediction_name(i)));
  const auto last_sample = memory.tensors.find(kLastSample);
  if (predictions_.empty() || last_sample == memory.tensors.end())
    throw InputError("the predictions of the steps taken are missing");
  last_sample_ = last_sample->second;
  last_order_ = order_at(next_index() - 1);
}

namespace {

class UniPCClass final : public SchedulerClass {
 public:
  const std::vector<std::string>& known_keys() const override { return kKnownKeys; }
  std::unique_ptr<Scheduler> make(const io::JsonObject& json,
                                  std::optional<double> flow_shift) const override {
    UniPCConfig config = UniPCConfig::from_json(json);
    config.flow_shift = flow_shift.value_or(config.flow_shift);
    return std::make_unique<UniPCMultistepScheduler>(std::move(config));
  }
};

CHITU_REGISTER(SchedulerClass, UniPCClass, "UniPCMultistepScheduler");

}  // namespace
}  // namespace chitu::models
