#include "pipelines/run_checker.h"

#include <c10/core/InferenceMode.h>

#include "chitu_core/common/nearest.h"
#include "chitu_core/memory/levels.h"
#include "pipelines/model/device_choices.h"

namespace chitu::pipelines {
namespace {

constexpr std::size_t kMostModels = 16;  // bounds the memory of a sweep over many checkpoints

}  // namespace

const Pipeline& RunChecker::model(const EngineOptions& options, c10::Device device) {
  std::vector<std::string> parts{
      options.ckpt_dir.string(), options.attn_type, device.str(),
      options.context_parallel,  options.scheduler, options.prompt_cache.string()};
  for (const StageInsertion& stage : options.stages)
    parts.insert(parts.end(), {stage.name, stage.after, stage.before});
  const std::string key = join(parts, "\n");
  const auto known = models_.find(key);
  if (known != models_.end()) return *known->second;
  auto opened = open_pipeline(options.ckpt_dir, model_choices(options, device));
  if (models_.size() >= kMostModels) models_.clear();
  return *(models_[key] = std::move(opened));
}

Request RunChecker::check(const EngineOptions& options, const PartialRequest& partial) {
  const c10::InferenceMode inference;
  const auto devices = devices_of(options);
  memory::make_plan(options.memory, devices);
  return complete(model(options, devices.device), partial);
}

}  // namespace chitu::pipelines
