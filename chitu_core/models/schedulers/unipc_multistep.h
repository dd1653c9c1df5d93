#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "chitu_core/models/schedulers/scheduler.h"

namespace chitu::models {

/// The two forms of the function B(h) in the paper.
enum class UniPCSolverType { bh1, bh2 };

struct UniPCConfig {
  std::int64_t num_train_timesteps = 1000;
  std::int64_t solver_order = 2;  ///< 1 to 3
  UniPCSolverType solver_type = UniPCSolverType::bh2;
  bool lower_order_final = true;                ///< the last steps fall to order 1
  std::vector<std::int64_t> disable_corrector;  ///< steps whose result is not corrected
  double flow_shift = 1.0;
  std::optional<double> shift_terminal;
  bool final_sigma_zero = true;  ///< false repeats the last sigma instead

  /// Flow prediction with flow sigmas and predict_x0: what Wan uses.
  ///
  /// throws  InputError naming file and key for any other mode
  static UniPCConfig from_json(const io::JsonObject& json);
};

/// A predictor-corrector of order 1 to 3 over the last predictions.
///
/// Tables are computed in float64 and stored in float32, steps run in float32, as in diffusers.
/// Timesteps for the model are integers, rounded down.
/// source  Zhao et al. 2023 (UniPC), arXiv:2302.04867, algorithms 1 and 2
class UniPCMultistepScheduler final : public Scheduler {
 public:
  explicit UniPCMultistepScheduler(UniPCConfig config) : config_(std::move(config)) {}

  std::unique_ptr<Scheduler> clone() const override {
    return std::make_unique<UniPCMultistepScheduler>(*this);
  }
  void set_timesteps(std::int64_t num_inference_steps,
                     const ScheduleOptions& options = {}) override;

 private:
  at::Tensor take_step(const at::Tensor& model_output, std::int64_t index,
                       const at::Tensor& sample) override;
  void forget_steps() override {
    predictions_.clear();
    last_sample_.reset();
  }
  void remember_steps(ScheduleMemory& memory) const override;
  void recall_steps(const ScheduleMemory& memory) override;
  std::int64_t order_at(std::int64_t index) const;
  /// From sigma `source` to sigma `target` = source + 1. With `arrived`, the prediction at the
  /// target, the result is corrected.
  at::Tensor advance(const at::Tensor& sample, std::int64_t source, std::int64_t order,
                     const at::Tensor& arrived) const;

  UniPCConfig config_;
  std::deque<at::Tensor> predictions_;  ///< of the clean latents, newest first
  at::Tensor last_sample_;              ///< corrected, before the last predictor ran
  std::int64_t last_order_ = 0;
};

}  // namespace chitu::models
