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

/// What a schedule may need besides the number of steps.
struct ScheduleOptions {
  /// The schedule before any shift, one sigma a step; empty = the scheduler's own.
  std::vector<double> sigmas;
  /// The exponent of a schedule that shifts with the size of the picture.
  std::optional<double> mu;
};

/// What a walk remembers of its steps: all that a scheduler with the same timesteps needs to take
/// the next one.
struct ScheduleMemory {
  std::int64_t next_index = 0;
  std::map<std::string, std::int64_t> numbers{};
  std::map<std::string, at::Tensor> tensors{};
};

/// Walks from noise (sigma 1) to clean latents (sigma 0) by the velocities that a model predicts.
///
///     scheduler->set_timesteps(50);
///     for (std::int64_t i = 0; i < scheduler->step_count(); ++i)
///       latents = scheduler->step(predict(latents, scheduler->timesteps()[i]), i, latents);
class Scheduler {
 public:
  virtual ~Scheduler() = default;

  /// A scheduler that goes on from here; neither changes the other. Tensors are shared, not copied.
  virtual std::unique_ptr<Scheduler> clone() const = 0;

  /// Plans the steps and forgets the last walk.
  ///
  /// throws  InputError when num_inference_steps is below 1, or options are missing or do not fit
  virtual void set_timesteps(std::int64_t num_inference_steps,
                             const ScheduleOptions& options = {}) = 0;

  std::int64_t step_count() const { return static_cast<std::int64_t>(timesteps_.size()); }
  /// Steps taken so far: the index of the next one.
  std::int64_t next_index() const { return next_index_; }
  /// What the model is told at each step, 0 to num_train_timesteps.
  const std::vector<double>& timesteps() const { return timesteps_; }
  /// Noise level before each step, and after the last: one more than timesteps().
  const std::vector<float>& sigmas() const { return sigmas_; }

  /// The mu that a schedule which shifts with the size wants; empty when this one does not.
  ///
  /// tokens  of the picture, as the transformer sees it
  virtual std::optional<double> mu(std::int64_t tokens) const;

  /// One step. After the last one no tensors of earlier steps are held.
  ///
  /// model_output  the velocity predicted at timesteps()[index] from `sample`
  /// index         0, 1, 2, ... in order: a multistep method remembers
  /// sample        latents, shape of model_output; never written
  /// returns       the latents at sigmas()[index + 1]
  /// throws        Error when the order of the steps is broken
  at::Tensor step(const at::Tensor& model_output, std::int64_t index, const at::Tensor& sample);

  /// Goes on by so many steps without taking them, for a dry run: what is held stays as after the
  /// last step taken.
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
  /// As step(), which has checked the index. Index 0 begins a new walk.
  virtual at::Tensor take_step(const at::Tensor& model_output, std::int64_t index,
                               const at::Tensor& sample) = 0;
  /// Lets go of the tensors of earlier steps.
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

/// Whether a planned schedule leads from finite numbers to finite numbers: its sigmas and
/// timesteps, and a walk along all of its steps with a single number for latents. Forgets the walk.
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
  /// config      of scheduler_config.json; keys of other schedulers are passed over
  /// class_name  as model_index.json has it, whatever the config says; empty = the config's
  ///
  /// throws  InputError when the class is unknown (the message names those known), or as
  ///         SchedulerClass::make()
  explicit SchedulerFactory(const io::JsonObject& config, std::string class_name = {});

  /// flow_shift  replaces the one in the config (flow_shift, or shift); above 0
  std::unique_ptr<Scheduler> make(std::optional<double> flow_shift = {}) const;

  const std::string& class_name() const { return class_name_; }
  /// The config's file, for messages.
  const std::string& config_name() const { return config_.name(); }

 private:
  std::string class_name_;
  const SchedulerClass* class_;
  io::JsonObject config_;  ///< its own keys
};

}  // namespace chitu::models
