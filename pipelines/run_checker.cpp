#include "pipelines/run_checker.h"

#include <c10/core/InferenceMode.h>

#include "chitu_core/memory/levels.h"
#include "chitu_core/parallel/degrees.h"
#include "pipelines/model/device_choices.h"

namespace chitu::pipelines {
namespace {

constexpr std::size_t kMostModels = 16;  // bounds the memory of a sweep over many checkpoints

}  // namespace

const Pipeline& RunChecker::model(const EngineOptions& options, c10::Device device) {
  const ModelChoices choices = model_choices(options, device);
  for (const Opened& known : models_)
    if (known.ckpt_dir == options.ckpt_dir && known.choices == choices) return *known.pipeline;
  auto opened = open_pipeline(options.ckpt_dir, choices);
  if (models_.size() >= kMostModels) models_.clear();
  return *models_.emplace_back(Opened{options.ckpt_dir, choices, std::move(opened)}).pipeline;
}

Request RunChecker::check(const EngineOptions& options, const PartialRequest& partial) {
  const c10::InferenceMode inference;
  parallel::check_groups(options.parallel);
  const auto devices = devices_of(options);
  memory::make_plan(options.memory, devices);
  EngineOptions with_its_loras = options;
  if (partial.loras) with_its_loras.loras = *partial.loras;
  return complete(model(with_its_loras, devices.device), partial);
}

}  // namespace chitu::pipelines
