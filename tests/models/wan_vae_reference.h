#pragma once

#include <string>

#include "chitu_core/models/wan/vae.h"
#include "tests/models/reference.h"

namespace chitu::models {

/// One case of tests/data/vae: a tiny autoencoder and what diffusers decodes with it.
struct VaeCase {
  explicit VaeCase(const std::string& name, at::ScalarType dtype = at::kFloat)
      : folder(std::string(CHITU_TEST_DATA) + "/vae/" + name),
        vae(WanVaeConfig::from_json(io::JsonObject::read(folder + "/config.json"))),
        reference(folder + "/reference.safetensors") {
    memory::bind_weights(vae, memory::FileWeights(folder), {c10::kCPU, dtype});
  }

  at::Tensor latents() const { return reference.tensor("latents"); }
  at::Tensor decoded() const { return reference.tensor("decoded"); }

  std::string folder;
  AutoencoderKLWan vae;
  io::SafetensorsFile reference;
};

}  // namespace chitu::models
