#include "pipelines/wan/experts.h"

#include <fmt/format.h>

#include "chitu_core/models/schedulers/schedule.h"

namespace chitu::pipelines::wan {
namespace {

/// throws  InputError if the ratio leaves steps to a transformer that the checkpoint lacks
void check_experts(const ModelFolder& folder, const io::JsonObject& index, double ratio) {
  const auto expect = [&](const char* name) {
    if (!folder.has(name))
      index.fail(name, fmt::format("expected [\"diffusers\", \"WanTransformer3DModel\"], since "
                                   "boundary_ratio {} leaves it steps to take",
                                   ratio));
  };
  if (ratio < 1) expect("transformer");
  if (ratio > 0) expect("transformer_2");
}

}  // namespace

std::optional<double> boundary_ratio(const io::JsonObject& index) {
  const auto ratio = index.value_or<std::optional<double>>("boundary_ratio", std::nullopt);
  if (ratio && !(*ratio >= 0 && *ratio <= 1))
    index.fail("boundary_ratio", "expected null or a number from 0 to 1");
  return ratio;
}

std::vector<Expert> experts_of(const ModelFolder& folder, const io::JsonObject& index) {
  const auto ratio = boundary_ratio(index);
  if (!ratio) return {{.name = "transformer"}};
  check_experts(folder, index, *ratio);
  const double boundary = *ratio * static_cast<double>(models::num_train_timesteps(
                                       folder.config("scheduler", "scheduler_config.json")));
  std::vector<Expert> experts;
  if (folder.has("transformer"))
    experts.push_back({"transformer", folder.has("transformer_2") ? boundary : 0});
  if (folder.has("transformer_2")) experts.push_back({"transformer_2", 0, true});
  return experts;
}

std::string stage_name(const Expert& expert, std::size_t experts) {
  if (experts == 1) return "denoise";
  return expert.second ? "denoise_low_noise" : "denoise_high_noise";
}

cache::StepShare step_share(const Expert& expert, std::size_t experts) {
  if (expert.second) return cache::StepShare::low_noise;
  return experts == 1 ? cache::StepShare::all : cache::StepShare::high_noise;
}

Guidance guidance_of(const Expert& expert) {
  Guidance guidance;
  if (!expert.second) return guidance;
  guidance.scale = [](const Request& request) {
    return request.guidance_scale_2.value_or(request.guidance_scale);
  };
  guidance.key = "guidance_scale_2";
  return guidance;
}

}  // namespace chitu::pipelines::wan
