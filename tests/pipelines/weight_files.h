#pragma once

#include <ATen/ATen.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "chitu_core/io/checkpoint.h"
#include "chitu_core/io/gguf/block_types.h"
#include "chitu_core/io/safetensors.h"
#include "chitu_core/models/wan/transformer.h"
#include "pipelines/wan/component_names.h"
#include "tests/io/gguf_files.h"
#include "tests/pipelines/edited_model.h"

namespace chitu::pipelines {

using WeightTensors = EditedModel::Tensors;
using Spelling = std::function<std::string(const std::string&)>;

/// Of the CPU alone: device sim has no generator.
inline void seed_weights(std::uint64_t seed) {
  auto generator = at::globalContext().defaultGenerator(at::kCPU);
  generator.set_current_seed(seed);
}

inline WeightTensors weights_in(const std::filesystem::path& component) {
  const io::Checkpoint checkpoint(component);
  WeightTensors tensors;
  for (const std::string& name : checkpoint.names())
    tensors.emplace_back(name, checkpoint.tensor(name).clone());
  return tensors;
}

inline std::string file_of(const std::string& component) {
  return component == "text_encoder" ? "model.safetensors" : "diffusion_pytorch_model.safetensors";
}

inline void remove_weights(const EditedModel& model, const std::string& component) {
  std::filesystem::remove(model.path() / component / file_of(component));
}

/// The name that files of the original repository give a weight.
inline Spelling original_spelling(const EditedModel& model, const std::string& component) {
  if (component == "text_encoder") return wan::umt5_naming().spellings.at(0);
  if (component == "transformer") return wan::transformer_naming().spellings.at(0);
  return wan::vae_naming(io::JsonObject::read(model.path() / "vae/config.json")).spellings.at(0);
}

inline bool is_layer_matrix(const std::string& name, const at::Tensor& tensor) {
  return name.find("block") != std::string::npos && name.ends_with(".weight") &&
         tensor.dim() == 2 && name.find("relative") == std::string::npos;
}

/// The matrices of the layers in float8 with scales, the others as they are; and what they mean.
struct ScaledFile {
  WeightTensors file, meaning;

  ScaledFile(const WeightTensors& weights, const Spelling& spelled, bool by_rows) {
    for (const auto& [name, stored] : weights) {
      const at::Tensor tensor = stored.to(at::kFloat);
      if (!is_layer_matrix(name, tensor)) {
        file.emplace_back(spelled(name), tensor);
        meaning.emplace_back(name, tensor);
        continue;
      }
      const at::Tensor scale = (by_rows ? tensor.abs().amax(1, true) : tensor.abs().max()) / 300;
      const at::Tensor narrow = (tensor / scale).to(at::kFloat8_e4m3fn);
      const std::string layer = spelled(name).substr(0, spelled(name).size() - 7);
      file.emplace_back(layer + ".weight", narrow);
      file.emplace_back(layer + (by_rows ? ".weight_scale" : ".scale_weight"), scale);
      meaning.emplace_back(name, narrow.to(at::kFloat) * scale);
    }
    file.emplace_back("scaled_fp8", at::zeros({0}, at::kFloat8_e4m3fn));
  }
};

/// Gives a tiny checkpoint a transformer with rows of whole blocks of GGUF files.
inline void widen_transformer(const EditedModel& model) {
  model.edit("transformer/config.json", [](nlohmann::json& config) {
    config["num_attention_heads"] = 2;
    config["attention_head_dim"] = 128;
    config["ffn_dim"] = 512;
  });
  const auto config = models::WanTransformer3DConfig::from_json(
      io::JsonObject::read(model.path() / "transformer/config.json"));
  seed_weights(11);
  WeightTensors tensors;
  const auto module = std::make_unique<models::WanTransformer3DModel>(config);
  std::as_const(*module).visit_parameters(
      [&](const std::string& name, const memory::Parameter& parameter) {
        tensors.emplace_back(name, at::randn(parameter.shape) * 0.06);
      });
  io::write_safetensors(model.path() / "transformer" / file_of("transformer"), tensors);
}

/// Random blocks of a type whose values are about as large as random weights.
inline std::string random_blocks(std::uint32_t type, std::int64_t values) {
  const io::GgmlType known = io::ggml_type(type);
  const std::int64_t count = values / known.block_values;
  at::Tensor bytes = at::randint(0, 256, {count, known.block_bytes}, at::kByte);
  const auto set_scales = [&](std::int64_t offset, double largest) {
    const at::Tensor scales = (at::rand({count, 1}) * largest + largest / 8).to(at::kHalf);
    bytes.narrow(1, offset, 2).copy_(scales.view(at::kByte));
  };
  const bool is_q6 = known.name == "Q6_K";
  set_scales(is_q6 ? 208 : 0, known.block_values == 32 ? 0.004 : is_q6 ? 3e-5 : 3e-4);
  if (known.block_values == 256 && !is_q6) set_scales(2, 1e-3);
  if (known.name.ends_with("_1")) set_scales(2, 0.03);
  return {static_cast<const char*>(bytes.data_ptr()), bytes.nbytes()};
}

inline std::string bytes_of(const at::Tensor& tensor) {
  const at::Tensor data = tensor.contiguous();
  return {static_cast<const char*>(data.data_ptr()), data.nbytes()};
}

/// Writes weights as a GGUF file, with matrices of this type.
inline void write_gguf_weights(const std::filesystem::path& path, const WeightTensors& weights,
                               const Spelling& spelled, std::uint32_t type) {
  seed_weights(13);
  const io::GgmlType known = io::ggml_type(type);
  std::vector<testing::GgufTensor> tensors;
  for (const auto& [name, tensor] : weights) {
    const bool matrix =
        tensor.dim() == 2 && name.ends_with(".weight") && tensor.size(1) % known.block_values == 0;
    if (matrix && known.encoding)
      tensors.push_back(
          {spelled(name), tensor.sizes().vec(), type, random_blocks(type, tensor.numel())});
    else if (matrix)
      tensors.push_back(
          {spelled(name), tensor.sizes().vec(), type, bytes_of(tensor.to(known.dtype))});
    else
      tensors.push_back({spelled(name), tensor.sizes().vec(), 0, bytes_of(tensor.to(at::kFloat))});
  }
  testing::write_gguf(path, tensors);
}

}  // namespace chitu::pipelines
