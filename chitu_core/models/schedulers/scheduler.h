#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chitu_core/io/json.h"

namespace chitu::models {

/// Optional inputs of a schedule, besides the number of steps.
struct ScheduleOptions {
  /// The schedule before any shift, one sigma per step; empty = the scheduler's own.
  std::vector<double> sigmas;
  /// The exponent of a schedule that depends on the picture's size.
  std::optional<double> mu;
};

/// What a walk remembers of its steps: all that a scheduler with the same timesteps needs to take
/// the next one.
struct ScheduleMemory {
  std::int64_t next_index = 0;
  std::map<std::string, std::int64_t> numbers{};
  std::map<std::string, at::Tensor> tensors{};
};

/// Integrates from noise (sigma 1) to clean latents (sigma 0) along the velocities of a model.
///
///     scheduler->set_timesteps(50);
///     for (std::int64_t i = 0; i < scheduler->step_count(); ++i)
///       latents = scheduler->step(predict(latents, scheduler->timesteps()[i]), i, latents);
class Scheduler {
 public:
  virtual ~Scheduler() = default;

  /// A copy that continues from this step; neither changes the other. Tensors are shared, not
  /// copied.
  virtual std::unique_ptr<Scheduler> clone() const = 0;

  /// Computes the schedule and resets the state of earlier steps.
  ///
  /// throws  InputError if num_inference_steps is below 1, or options are missing or do not fit
  virtual void set_timesteps(std::int64_t num_inference_steps,
                             const ScheduleOptions& options = {}) = 0;

  std::int64_t step_count() const { return static_cast<std::int64_t>(timesteps_.size()); }
  /// Steps taken so far: the index of the next one.
  std::int64_t next_index() const { return next_index_; }
  /// The timestep that the model gets at each step, 0 to num_train_timesteps.
  const std::vector<double>& timesteps() const { return timesteps_; }
  /// Noise level before each step and after the last: one more value than timesteps().
  const std::vector<float>& sigmas() const { return sigmas_; }

  /// The mu that a schedule with dynamic shifting needs; empty for other schedules.
  ///
  /// tokens  of the picture, as counted by the transformer
  virtual std::optional<double> mu(std::int64_t tokens) const;

  /// One step. After the last one, no tensors of earlier steps are held.
  ///
  /// model_output  the velocity predicted at timesteps()[index] from `sample`
  /// index         0, 1, 2, ... in order: a multistep method keeps earlier predictions
  /// sample        latents, shape of model_output; never written
  /// returns       the latents at sigmas()[index + 1]
  /// throws        Error if the index is not the next one
  at::Tensor step(const at::Tensor& model_output, std::int64_t index, const at::Tensor& sample);

  /// Skips `count` steps without computing them, for a dry run. The scheduler holds the same
  /// tensors as after the last computed step.
  ///
  /// throws  Error when there are fewer steps left
  void skip(std::int64_t steps);

  /// Tensors are shared, not copied.
  ScheduleMemory memory() const;
  /// Goes on where another scheduler with the same timesteps was when it gave its memory.
  ///
  /// throws  InputError when the memory is not of such a scheduler
  void resume(const ScheduleMemory& memory);

 protected:
  void start(std::vector<double> timesteps, std::vector<float> sigmas);

 private:
  /// As step(); the caller has checked the index. Index 0 starts a new trajectory.
  virtual at::Tensor take_step(const at::Tensor& model_output, std::int64_t index,
                               const at::Tensor& sample) = 0;
  /// Frees the tensors of earlier steps.
  virtual void forget_steps() {}
  /// Adds what earlier steps left, and takes it back: before the first step and after the last one
  /// there is nothing.
  virtual void remember_steps(ScheduleMemory&) const {}
  virtual void recall_steps(const ScheduleMemory&) {}
  void move_to(std::int64_t index);

  std::vector<double> timesteps_;
  std::vector<float> sigmas_;
  std::int64_t next_index_ = 0;
};

/// Whether a computed schedule stays finite: its sigmas, its timesteps, and a run of all its steps
/// with one number as latents. Resets the state.
bool stays_finite(Scheduler& scheduler);

/// One class of schedulers, registered under its name in model_index.json
/// (Registry<SchedulerClass>).
class SchedulerClass {
 public:
  virtual ~SchedulerClass() = default;
  /// The keys of its config.
  virtual const std::vector<std::string>& known_keys() const = 0;
  /// throws  InputError naming file and key for a setting that is unknown or not supported
  virtual std::unique_ptr<Scheduler> make(const io::JsonObject& config,
                                          std::optional<double> flow_shift) const = 0;
};

/// The scheduler of a checkpoint: makes one for every run, because a scheduler remembers its steps.
class SchedulerFactory {
 public:
  /// config      of scheduler_config.json; keys of other schedulers are ignored
  /// class_name  from model_index.json, which overrides the config; empty = the config's
  ///
  /// throws  InputError if the class is unknown (the message lists the known ones), or as
  ///         SchedulerClass::make()
  explicit SchedulerFactory(const io::JsonObject& config, std::string class_name = {});

  /// flow_shift  replaces the one in the config (flow_shift, or shift); above 0
  std::unique_ptr<Scheduler> make(std::optional<double> flow_shift = {}) const;

  const std::string& class_name() const { return class_name_; }
  /// Path of the config file, for messages.
  const std::string& config_name() const { return config_.name(); }

 private:
  std::string class_name_;
  const SchedulerClass* class_;
  io::JsonObject config_;  ///< its own keys
};

}  // namespace chitu::models
