#pragma once

#include "chitu_core/memory/module.h"

namespace chitu::memory {

/// Two layers and an island, enough to see names, shapes and dtypes.
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
  Parameter& bias;
  ToyLayer first, second;
};

}  // namespace chitu::memory
