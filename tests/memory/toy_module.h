#pragma once

#include <ATen/ATen.h>

#include <filesystem>

#include "chitu_core/io/safetensors.h"
#include "chitu_core/memory/module.h"

namespace chitu::memory {

/// Two layers and one parameter that stays float32: enough to check names, shapes and dtypes.
class ToyLayer : public Module {
 public:
  ToyLayer()
      : weight(add_parameter("weight", {2, 3})),
        scale(add_parameter("scale", {3}, Precision::float32)) {}
  Parameter& weight;
  Parameter& scale;
};

class ToyModel : public Module {
 public:
  ToyModel() : bias(add_parameter("bias", {4})) {
    add_child("layers.0", first);
    add_child("layers.1", second);
  }
  std::vector<std::string> unused_prefixes() const override { return {"encoder."}; }
  std::vector<std::pair<std::string, Module*>> layers() override {
    return {{"layers.0", &first}, {"layers.1", &second}};
  }
  Parameter& bias;
  ToyLayer first, second;
};

/// Writes a checkpoint that fits a ToyModel.
inline void write_toy_checkpoint(const std::filesystem::path& folder,
                                 at::ScalarType dtype = at::kFloat) {
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  ToyModel().visit_parameters([&](const std::string& name, const Parameter& parameter) {
    tensors.emplace_back(name, at::randn(parameter.shape).to(dtype));
  });
  io::write_safetensors(folder / "model.safetensors", tensors);
}

}  // namespace chitu::memory
