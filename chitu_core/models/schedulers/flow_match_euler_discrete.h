#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "chitu_core/models/schedulers/scheduler.h"

namespace chitu::models {

/// How mu shifts a schedule that depends on the picture's size.
enum class TimeShiftType { exponential, linear };

struct FlowMatchEulerConfig {
  std::int64_t num_train_timesteps = 1000;
  double shift = 1.0;
  bool use_dynamic_shifting = false;  ///< shift by mu instead
  TimeShiftType time_shift_type = TimeShiftType::exponential;
  double base_shift = 0.5;  ///< mu at base_image_seq_len tokens
  double max_shift = 1.15;  ///< mu at max_image_seq_len tokens
  std::int64_t base_image_seq_len = 256;
  std::int64_t max_image_seq_len = 4096;
  std::optional<double> shift_terminal;  ///< the last sigma before 0

  /// throws  InputError naming file and key for a setting that is unknown or not supported
  static FlowMatchEulerConfig from_json(const io::JsonObject& json);
};

/// Euler steps along the straight line from noise to latents: x += (sigma' - sigma) * velocity.
class FlowMatchEulerDiscreteScheduler final : public Scheduler {
 public:
  explicit FlowMatchEulerDiscreteScheduler(const FlowMatchEulerConfig& config) : config_(config) {}

  std::unique_ptr<Scheduler> clone() const override {
    return std::make_unique<FlowMatchEulerDiscreteScheduler>(*this);
  }
  void set_timesteps(std::int64_t num_inference_steps,
                     const ScheduleOptions& options = {}) override;
  /// With use_dynamic_shifting: mu is linear in the number of tokens, through (base_image_seq_len,
  /// base_shift) and (max_image_seq_len, max_shift), and is extrapolated beyond them.
  std::optional<double> mu(std::int64_t tokens) const override;

 private:
  /// Computed in float32, returned in model_output's dtype, as in diffusers.
  at::Tensor take_step(const at::Tensor& model_output, std::int64_t index,
                       const at::Tensor& sample) override;
  std::vector<double> default_sigmas(std::int64_t num_inference_steps) const;
  template <class T>
  void shift(std::vector<T>& sigmas, std::optional<double> mu) const;

  FlowMatchEulerConfig config_;
};

}  // namespace chitu::models
