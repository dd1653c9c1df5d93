#include "pipelines/pipeline.h"

#include <fmt/format.h>

#include "chitu_core/common/error.h"
#include "chitu_core/common/registry.h"

namespace chitu::pipelines {

std::unique_ptr<Pipeline> open_pipeline(const std::filesystem::path& ckpt_dir,
                                        const ModelChoices& choices) {
  const auto folder = ModelFolder::open(ckpt_dir);
  const auto& families = Registry<PipelineFamily>::instance();
  const PipelineFamily* family = families.find(folder.class_name);
  if (!family)
    throw InputError(fmt::format("{}: _class_name: {} is not supported, expected one of {}",
                                 (folder.path / "model_index.json").string(), folder.class_name,
                                 join(families.names())));
  return family->open(folder, choices);
}

Request complete(const Pipeline& pipeline, const PartialRequest& partial) {
  const RequestDefaults defaults = pipeline.request_defaults();
  Request request;
  request.prompt = partial.prompt;
  request.negative_prompt = partial.negative_prompt;
  request.width = partial.width.value_or(defaults.width);
  request.height = partial.height.value_or(defaults.height);
  request.num_frames = partial.num_frames.value_or(defaults.num_frames);
  request.num_inference_steps = partial.num_inference_steps.value_or(defaults.num_inference_steps);
  request.guidance_scale = partial.guidance_scale.value_or(defaults.guidance_scale);
  request.fps = partial.fps.value_or(defaults.fps);
  request.seed = partial.seed;
  request.max_sequence_length = partial.max_sequence_length;
  request.flow_shift = partial.flow_shift;
  pipeline.check(request);
  return request;
}

}  // namespace chitu::pipelines
