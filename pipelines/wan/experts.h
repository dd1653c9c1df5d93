#pragma once

#include <optional>
#include <string>
#include <vector>

#include "chitu_core/cache/plan.h"
#include "chitu_core/io/json.h"
#include "pipelines/model/model_folder.h"
#include "pipelines/stages/denoise_loop.h"

namespace chitu::pipelines::wan {

/// A transformer and which of the denoising steps it takes. Wan 2.2 has two: one for large
/// timesteps, one for the rest.
struct Expert {
  std::string name;           ///< of the component: "transformer"
  double least_timestep = 0;  ///< it takes the steps from here up; 0 = all that are left
  bool second = false;        ///< request.guidance_scale_2 is its guidance scale
};

/// boundary_ratio of model_index.json; empty where one transformer takes all steps.
///
/// throws  InputError for a ratio outside 0 to 1
std::optional<double> boundary_ratio(const io::JsonObject& index);

/// The experts of a checkpoint in the order of their steps, as boundary_ratio in model_index.json
/// divides them. Without one, `transformer` takes all steps and transformer_2 is not opened.
/// Source: diffusers, WanPipeline.
///
/// index   the folder's model_index.json
/// throws  InputError for a ratio outside 0 to 1, or one whose steps have no transformer
std::vector<Expert> experts_of(const ModelFolder& folder, const io::JsonObject& index);

/// The name of an expert's stage: "denoise", or where experts share the steps, one that says which
/// steps it takes.
std::string stage_name(const Expert& expert, std::size_t experts);

/// The steps that an expert takes, for the tables of caches.
cache::StepShare step_share(const Expert& expert, std::size_t experts);

/// The guidance scale of an expert. Whether there is guidance at all depends on guidance_scale.
Guidance guidance_of(const Expert& expert);

}  // namespace chitu::pipelines::wan
