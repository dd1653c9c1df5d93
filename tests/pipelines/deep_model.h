#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "chitu_core/common/files.h"
#include "chitu_core/io/checkpoint.h"
#include "chitu_core/io/safetensors.h"

namespace chitu::pipelines {

/// Extends a component of two layers to `layers`, by repeating the second.
inline void deepen(const std::filesystem::path& component, const std::string& layer_prefix,
                   std::int64_t layers) {
  auto config = nlohmann::json::parse(read_file(component / "config.json"));
  config["num_layers"] = layers;
  std::ofstream(component / "config.json") << config;
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  std::filesystem::path file;
  {
    const io::Checkpoint checkpoint(component);
    file = checkpoint.info(checkpoint.names().front()).file;
    const std::string second = layer_prefix + "1.";
    for (const std::string& name : checkpoint.names()) {
      const at::Tensor tensor = checkpoint.tensor(name).clone();
      tensors.emplace_back(name, tensor);
      if (!name.starts_with(second)) continue;
      for (std::int64_t layer = 2; layer < layers; ++layer)
        tensors.emplace_back(
            fmt::format("{}{}.{}", layer_prefix, layer, name.substr(second.size())), tensor);
    }
  }
  std::filesystem::remove(file);
  io::write_safetensors(file, tensors);
}

/// Copies a tiny checkpoint into a folder, with more layers: enough that a dry run repeats some.
inline std::filesystem::path deep_model(const std::filesystem::path& tiny,
                                        const std::filesystem::path& folder) {
  constexpr std::int64_t kTransformerLayers = 7, kTextLayers = 5;
  std::filesystem::copy(tiny, folder, std::filesystem::copy_options::recursive);
  deepen(folder / "transformer", "blocks.", kTransformerLayers);
  deepen(folder / "text_encoder", "encoder.block.", kTextLayers);
  return folder;
}

}  // namespace chitu::pipelines
