#include "chitu_core/models/schedulers/flow_match_euler_discrete.h"

#include <ATen/ATen.h>

#include <cmath>
#include <string>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/models/component_config.h"
#include "chitu_core/models/schedulers/schedule.h"

namespace chitu::models {
namespace {

const std::vector<std::string> kKnownKeys{"num_train_timesteps",
                                          "shift",
                                          "use_dynamic_shifting",
                                          "base_shift",
                                          "max_shift",
                                          "base_image_seq_len",
                                          "max_image_seq_len",
                                          "invert_sigmas",
                                          "shift_terminal",
                                          "use_karras_sigmas",
                                          "use_exponential_sigmas",
                                          "use_beta_sigmas",
                                          "time_shift_type",
                                          "stochastic_sampling"};

}  // namespace

FlowMatchEulerConfig FlowMatchEulerConfig::from_json(const io::JsonObject& json) {
  check_keys(json, kKnownKeys);
  refuse_true(json, {"invert_sigmas", "use_karras_sigmas", "use_exponential_sigmas",
                     "use_beta_sigmas", "stochastic_sampling"});
  FlowMatchEulerConfig config;
  config.num_train_timesteps = models::num_train_timesteps(json);
  config.shift = positive(json, "shift", config.shift);
  config.use_dynamic_shifting = json.value_or("use_dynamic_shifting", false);
  const auto type = one_of(json, "time_shift_type", "exponential", {"exponential", "linear"});
  config.time_shift_type = type == "linear" ? TimeShiftType::linear : TimeShiftType::exponential;
  config.base_shift = json.value_or("base_shift", config.base_shift);
  config.max_shift = json.value_or("max_shift", config.max_shift);
  config.base_image_seq_len = json.value_or("base_image_seq_len", config.base_image_seq_len);
  config.max_image_seq_len = json.value_or("max_image_seq_len", config.max_image_seq_len);
  if (config.max_image_seq_len <= config.base_image_seq_len)
    json.fail("max_image_seq_len", "expected more than base_image_seq_len");
  config.shift_terminal = models::shift_terminal(json);
  return config;
}

std::optional<double> FlowMatchEulerDiscreteScheduler::mu(std::int64_t tokens) const {
  if (!config_.use_dynamic_shifting) return std::nullopt;
  const double slope = (config_.max_shift - config_.base_shift) /
                       static_cast<double>(config_.max_image_seq_len - config_.base_image_seq_len);
  const double offset =
      config_.base_shift - slope * static_cast<double>(config_.base_image_seq_len);
  return static_cast<double>(tokens) * slope + offset;
}

std::vector<double> FlowMatchEulerDiscreteScheduler::default_sigmas(
    std::int64_t num_inference_steps) const {
  const auto steps = static_cast<double>(config_.num_train_timesteps);
  // The range ends at the smallest training sigma, in float32. A static shift has already moved
  // that sigma, so the schedule below shifts it a second time, as in diffusers.
  std::vector<float> ends{1.0F, 1.0F / static_cast<float>(steps)};
  if (!config_.use_dynamic_shifting) shift_sigmas(ends, config_.shift);
  std::vector<double> sigmas = linspace(static_cast<double>(ends[0]) * steps,
                                        static_cast<double>(ends[1]) * steps, num_inference_steps);
  for (double& sigma : sigmas) sigma /= steps;
  return sigmas;
}

template <class T>
void FlowMatchEulerDiscreteScheduler::shift(std::vector<T>& sigmas,
                                            std::optional<double> mu) const {
  if (!config_.use_dynamic_shifting) {
    shift_sigmas(sigmas, config_.shift);
  } else {
    const bool exponential = config_.time_shift_type == TimeShiftType::exponential;
    const T factor = static_cast<T>(exponential ? std::exp(*mu) : *mu);
    for (T& s : sigmas) s = factor / (factor + (T{1} / s - T{1}));
  }
  if (config_.shift_terminal) stretch_to_terminal(sigmas, *config_.shift_terminal);
}

void FlowMatchEulerDiscreteScheduler::set_timesteps(std::int64_t num_inference_steps,
                                                    const ScheduleOptions& options) {
  check_steps(num_inference_steps, config_.num_train_timesteps);
  if (config_.use_dynamic_shifting && !options.mu)
    throw InputError(
        "use_dynamic_shifting: this schedule depends on the picture's size, which "
        "this pipeline does not pass to it");
  std::vector<float> sigmas(options.sigmas.begin(), options.sigmas.end());
  if (sigmas.empty()) {
    std::vector<double> own = default_sigmas(num_inference_steps);
    shift(own, options.mu);
    sigmas.assign(own.begin(), own.end());
  } else if (static_cast<std::int64_t>(sigmas.size()) != num_inference_steps) {
    throw InputError("sigmas: expected one per step");
  } else {
    shift(sigmas, options.mu);  // given sigmas are shifted in float32
  }
  std::vector<double> timesteps;
  for (const float sigma : sigmas)
    timesteps.push_back(sigma * static_cast<float>(config_.num_train_timesteps));
  sigmas.push_back(0.0F);
  start(std::move(timesteps), std::move(sigmas));
}

at::Tensor FlowMatchEulerDiscreteScheduler::take_step(const at::Tensor& model_output,
                                                      std::int64_t index,
                                                      const at::Tensor& sample) {
  const auto i = static_cast<std::size_t>(index);
  const at::Tensor change = times(sigmas()[i + 1] - sigmas()[i], model_output);
  return sample.to(at::kFloat).add(change).to(model_output.scalar_type());
}

namespace {

class FlowMatchEulerClass final : public SchedulerClass {
 public:
  const std::vector<std::string>& known_keys() const override { return kKnownKeys; }
  std::unique_ptr<Scheduler> make(const io::JsonObject& json,
                                  std::optional<double> flow_shift) const override {
    FlowMatchEulerConfig config = FlowMatchEulerConfig::from_json(json);
    if (flow_shift && config.use_dynamic_shifting)
      throw InputError(
          "flow_shift: the checkpoint's scheduler shifts with the picture's size "
          "(use_dynamic_shifting) and takes no flow_shift");
    config.shift = flow_shift.value_or(config.shift);
    return std::make_unique<FlowMatchEulerDiscreteScheduler>(config);
  }
};

CHITU_REGISTER(SchedulerClass, FlowMatchEulerClass, "FlowMatchEulerDiscreteScheduler");

}  // namespace
}  // namespace chitu::models
