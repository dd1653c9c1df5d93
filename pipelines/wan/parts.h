#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "chitu_core/io/tokenizer.h"
#include "chitu_core/io/weight_files.h"
#include "chitu_core/memory/component.h"
#include "chitu_core/models/schedulers/scheduler.h"
#include "chitu_core/models/umt5/encoder.h"
#include "chitu_core/models/wan/transformer.h"
#include "chitu_core/models/wan/vae.h"
#include "pipelines/model/model_folder.h"
#include "pipelines/model/pipeline.h"

namespace chitu::pipelines::wan {

/// Dtype of the files on the hub, for dry runs without files.
constexpr at::ScalarType kPublishedDtype = at::kFloat;

/// The weights in a component's folder; null if a dry run has none.
std::shared_ptr<const io::Checkpoint> open_weights(const std::filesystem::path& folder,
                                                   bool for_plan);

/// One component as described by its folder.
template <class Config>
struct Part {
  Config config;
  std::shared_ptr<const io::Checkpoint> weights;

  static Part read(const ModelFolder& folder, const std::string& name, const std::string& library,
                   const std::string& class_name, bool for_plan) {
    const auto path = folder.component(name, library, {class_name});
    return {Config::from_json(folder.config(name, "config.json")), open_weights(path, for_plan)};
  }

  template <class Model>
  std::unique_ptr<memory::ModelComponent<Model>> make(const std::string& name,
                                                      bool for_plan) const {
    std::shared_ptr<const memory::WeightSource> source;
    if (for_plan)
      source = std::make_shared<memory::DryRunWeights>(weights, kPublishedDtype);
    else
      source = std::make_shared<memory::FileWeights>(weights);
    return std::make_unique<memory::ModelComponent<Model>>(name, std::make_shared<Model>(config),
                                                           std::move(source));
  }
};

/// A transformer and which of the denoising steps it takes. Wan 2.2 has two: one for large
/// timesteps, one for the rest.
struct Expert {
  std::string name;           ///< of the component: "transformer"
  double least_timestep = 0;  ///< it takes the steps from here up; 0 = all that are left
  bool second = false;        ///< request.guidance_scale_2 is its guidance scale
};

/// The experts of a checkpoint in the order of their steps, as boundary_ratio in model_index.json
/// divides them. Without one, `transformer` takes all steps and transformer_2 is not opened.
/// Source: diffusers, WanPipeline.
///
/// throws  InputError for a ratio outside 0 to 1, or one whose steps have no transformer
std::vector<Expert> experts_of(const ModelFolder& folder);

/// Content of a checkpoint's folder.
struct Parts {
  std::filesystem::path folder;
  RequestDefaults defaults;
  std::shared_ptr<const io::Tokenizer> tokenizer;  ///< null if a dry run has none
  Part<models::UMT5Config> text_encoder;
  std::vector<Expert> experts;
  std::vector<Part<models::WanTransformer3DConfig>> transformers;  ///< one of each expert
  Part<models::WanVaeConfig> vae;
  std::shared_ptr<const models::SchedulerFactory> scheduler;
  bool has_boundary = false;  ///< between two experts: request.guidance_scale_2 may be set
};

/// Reads configs and headers of a checkpoint.
///
/// throws  InputError naming the file for anything that is missing, damaged or not supported
Parts read_parts(const ModelFolder& folder, const ModelChoices& choices);

/// Each config may be valid and still not fit another.
///
/// throws  InputError naming two numbers that differ and must be equal
void check_configs(const Parts& parts);

}  // namespace chitu::pipelines::wan
