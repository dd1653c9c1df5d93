#pragma once

#include <fmt/format.h>

#include <string>

#include "chitu_core/models/wan/vae.h"
#include "tests/models/reference.h"

namespace chitu::models {

/// One case of tests/data/vae: a tiny autoencoder and what diffusers decodes with it.
struct VaeCase {
  explicit VaeCase(const std::string& name, at::ScalarType dtype = at::kFloat)
      : folder(fmt::format("{}/vae/{}", CHITU_TEST_DATA, name)),
        vae(WanVaeConfig::from_json(io::JsonObject::read(fmt::format("{}/config.json", folder)))),
        reference(fmt::format("{}/reference.safetensors", folder)) {
    memory::bind_weights(vae, memory::FileWeights(folder), {c10::kCPU, dtype});
  }

  at::Tensor latents() const { return reference.tensor("latents"); }
  at::Tensor decoded() const { return reference.tensor("decoded"); }

  std::string folder;
  AutoencoderKLWan vae;
  io::SafetensorsFile reference;
};

}  // namespace chitu::models
