#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>

#include "chitu_core/io/checkpoint.h"
#include "chitu_core/io/json.h"
#include "chitu_core/io/safetensors.h"
#include "chitu_core/memory/weights.h"

namespace chitu::models {

inline std::string data(const std::string& name) {
  return std::string(CHITU_TEST_DATA) + "/models/" + name;
}

inline io::SafetensorsFile reference(const std::string& folder) {
  return io::SafetensorsFile(data(folder) + "/reference.safetensors");
}

/// A model of tests/data/models with its weights on the CPU.
template <class Model, class Config>
std::unique_ptr<Model> load(const std::string& folder, at::ScalarType dtype) {
  auto model = std::make_unique<Model>(
      Config::from_json(io::JsonObject::read(data(folder) + "/config.json")));
  memory::bind_weights(*model, memory::FileWeights(data(folder)), {c10::kCPU, dtype});
  return model;
}

/// |got - wanted| / |wanted|; infinite if the shapes differ.
double relative_error(const at::Tensor& got, const at::Tensor& wanted);

}  // namespace chitu::models
