#pragma once

#include <filesystem>

#include "chitu/chitu.h"

namespace chitu::testing {

/// A committed tiny checkpoint (tools/fixtures/pipeline.py).
inline std::filesystem::path tiny_checkpoint() {
  return std::filesystem::path(CHITU_TEST_DATA) / "pipelines" / "wan-unipc";
}

/// The shipped configuration with the tiny checkpoint on the CPU.
inline Config tiny_config(std::vector<std::string> overrides = {}) {
  overrides.insert(overrides.begin(),
                   {"device=cpu", "model.ckpt_dir=" + tiny_checkpoint().string(), "width=32",
                    "height=32", "num_frames=5", "num_inference_steps=2", "seed=3"});
  return compose({.overrides = overrides});
}

inline EngineOptions tiny_options() { return {.ckpt_dir = tiny_checkpoint(), .device = "cpu"}; }

/// The same request as that of tiny_config().
inline Request tiny_request(const std::string& prompt = "a red circle") {
  Request request;
  request.prompt = prompt;
  request.width = request.height = 32;
  request.num_frames = 5;
  request.num_inference_steps = 2;
  request.seed = 3;
  return request;
}

}  // namespace chitu::testing
