#pragma once

#include <ATen/ATen.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "chitu_core/io/safetensors.h"
#include "pipelines/wan/original_names.h"
#include "tests/pipelines/tiny_models.h"

namespace chitu::pipelines {

/// How a LoRA file spells the names of layers and matrices.
enum class LoraSpelling { peft, original, kohya };

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// The attention and feed-forward matrices of a tiny checkpoint's transformer.
inline NamedTensors matrices_of(const std::string& model,
                                const std::string& component = "transformer") {
  const io::SafetensorsFile weights(fixtures() / model / component /
                                    "diffusion_pytorch_model.safetensors");
  NamedTensors matrices;
  for (const io::TensorInfo& tensor : weights.tensors())
    if (tensor.name.starts_with("blocks.") && tensor.name.ends_with(".weight") &&
        tensor.shape.size() == 2)
      matrices.emplace_back(tensor.name.substr(0, tensor.name.size() - 7),
                            weights.tensor(tensor.name).to(at::kFloat));
  return matrices;
}

/// Random matrices [rank, in] and [out, rank] for each layer, the same in every call.
struct LoraMatrices {
  std::string layer;
  at::Tensor down, up;
};
inline std::vector<LoraMatrices> random_lora(const std::string& model, std::int64_t rank) {
  auto generator = at::globalContext().defaultGenerator(at::kCPU);
  generator.set_current_seed(5);
  std::vector<LoraMatrices> lora;
  for (const auto& [layer, weight] : matrices_of(model))
    lora.push_back(
        {layer, at::randn({rank, weight.size(1)}) * 0.1, at::randn({weight.size(0), rank}) * 0.2});
  return lora;
}

/// Writes it with alpha = 2 x rank; PEFT's file has the factor in `up` instead.
inline void write_lora(const std::filesystem::path& file, const std::vector<LoraMatrices>& lora,
                       LoraSpelling spelling, const std::string& prefix = "transformer.") {
  NamedTensors tensors;
  for (const LoraMatrices& matrices : lora) {
    if (spelling == LoraSpelling::peft) {
      tensors.emplace_back(prefix + matrices.layer + ".lora_A.weight", matrices.down);
      tensors.emplace_back(prefix + matrices.layer + ".lora_B.weight", matrices.up * 2);
      continue;
    }
    std::string name = "diffusion_model." + wan::original_name(matrices.layer);
    if (spelling == LoraSpelling::kohya) {
      name = wan::original_name(matrices.layer);
      std::ranges::replace(name, '.', '_');
      name = "lora_unet_" + name;
    }
    tensors.emplace_back(name + ".lora_down.weight", matrices.down);
    tensors.emplace_back(name + ".lora_up.weight", matrices.up);
    tensors.emplace_back(name + ".alpha",
                         at::full({}, 2.0 * static_cast<double>(matrices.down.size(0))));
  }
  io::write_safetensors(file, tensors);
}

}  // namespace chitu::pipelines
