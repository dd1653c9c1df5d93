#pragma once

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "chitu_core/io/safetensors.h"
#include "pipelines/engine.h"
#include "tests/support/temporary_folder.h"

namespace chitu::pipelines {

/// The committed tiny checkpoints and the results of diffusers with them
/// (tools/fixtures/pipeline.py).
inline std::filesystem::path fixtures() {
  return std::filesystem::path(CHITU_TEST_DATA) / "pipelines";
}

inline Engine open_engine(const std::string& model, const std::string& dtype = "float32") {
  EngineOptions options;
  options.ckpt_dir = fixtures() / model;
  options.device = "cpu";
  options.dtype = dtype;
  return Engine(options);
}

inline Engine open_on_sim(int level) {
  EngineOptions options;
  options.ckpt_dir = fixtures() / "wan-unipc";
  options.device = "sim";
  options.memory.low_mem_level = level;
  return Engine(options);
}

inline EngineOptions options_for(const std::filesystem::path& model,
                                 const std::string& device = "cpu", int level = 0) {
  EngineOptions options;
  options.ckpt_dir = model;
  options.device = device;
  options.dtype = "float32";
  options.memory.low_mem_level = level;
  return options;
}

/// A tensor of a run, by its name in a dump.
inline at::Tensor dumped(const EngineOptions& options, const PartialRequest& request,
                         const std::string& name) {
  const c10::InferenceMode inference;
  const testing::TemporaryFolder folder;
  Engine engine(options);
  Engine::RunOptions run;
  run.dump_tensors = folder / "dump.safetensors";
  engine.generate(engine.complete(request), {}, run);
  return io::SafetensorsFile(run.dump_tensors).tensor(name).clone();
}

/// A request that takes a fraction of a second.
inline PartialRequest small_request() {
  PartialRequest request;
  request.prompt = "a red circle moving right";
  request.negative_prompt = "blurred";
  request.width = 32;
  request.height = 32;
  request.num_frames = 5;
  request.num_inference_steps = 2;
  request.guidance_scale = 5.0;
  request.seed = 3;
  return request;
}

/// A picture of tests/data/io/pictures.
inline std::string picture(const std::string& name) {
  return (std::filesystem::path(CHITU_TEST_DATA) / "io" / "pictures" / name).string();
}

inline PartialRequest request_of(const nlohmann::json& json) {
  PartialRequest request;
  request.prompt = json.at("prompt");
  request.negative_prompt = json.at("negative_prompt").get<std::string>();
  request.width = json.at("width");
  request.height = json.at("height");
  request.num_frames = json.at("num_frames");
  request.num_inference_steps = json.at("num_inference_steps");
  request.guidance_scale = json.at("guidance_scale");
  if (json.contains("guidance_scale_2")) request.guidance_scale_2 = json["guidance_scale_2"];
  request.seed = json.at("seed");
  const auto name_of = [&](const char* key) {
    return std::filesystem::path(json[key].get<std::string>()).filename().string();
  };
  if (json.contains("image")) request.image = picture(name_of("image"));
  if (json.contains("last_image")) request.last_image = picture(name_of("last_image"));
  return request;
}

}  // namespace chitu::pipelines
