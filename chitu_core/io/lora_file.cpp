#include "chitu_core/io/lora_file.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/io/json.h"

namespace chitu::io {
namespace {

/// What a tensor is to its layer.
enum class Part { down, up, alpha, weight_difference, bias_difference };

constexpr std::array kSuffixes{std::pair{".lora_A.default.weight", Part::down},
                               std::pair{".lora_B.default.weight", Part::up},
                               std::pair{".lora_A.weight", Part::down},
                               std::pair{".lora_B.weight", Part::up},
                               std::pair{".lora_down.weight", Part::down},
                               std::pair{".lora_up.weight", Part::up},
                               std::pair{".lora.down.weight", Part::down},
                               std::pair{".lora.up.weight", Part::up},
                               std::pair{".alpha", Part::alpha},
                               std::pair{".diff_b", Part::bias_difference},
                               std::pair{".diff", Part::weight_difference}};

/// Prefixes that say nothing about the component.
constexpr std::array<std::string_view, 5> kPrefixes{"base_model.model.", "model.diffusion_model.",
                                                    "diffusion_model.", "lora_unet_",
                                                    "lora_transformer_"};
constexpr std::array<std::string_view, 3> kComponents{"transformer", "transformer_2",
                                                      "text_encoder"};

struct Name {
  std::string component, layer;
};

/// Removes the prefixes of a layer's name, outermost first.
Name without_prefixes(std::string_view name) {
  for (const std::string_view prefix : kPrefixes)
    if (name.starts_with(prefix)) return without_prefixes(name.substr(prefix.size()));
  for (const std::string_view component : kComponents)
    if (name.starts_with(component) && name.substr(component.size()).starts_with('.'))
      return {std::string(component), std::string(name.substr(component.size() + 1))};
  return {"", std::string(name)};
}

std::optional<std::pair<std::string_view, Part>> split(std::string_view tensor) {
  for (const auto& [suffix, part] : kSuffixes)
    if (tensor.ends_with(suffix))
      return std::pair(tensor.substr(0, tensor.size() - std::string_view(suffix).size()), part);
  return std::nullopt;
}

[[noreturn]] void refuse(const SafetensorsFile& file, const std::string& tensor,
                         const std::string& problem) {
  throw InputError(fmt::format("{}: tensor \"{}\": {}", file.path().string(), tensor, problem));
}

double scalar(const SafetensorsFile& file, const std::string& name) {
  if (file.info(name).numel() != 1) refuse(file, name, "expected one number");
  at::Tensor value = at::empty({1}, at::kDouble);
  file.read_into(name, value);
  if (!std::isfinite(value.item<double>())) refuse(file, name, "expected a finite number");
  return value.item<double>();
}

std::int64_t rank_of(const SafetensorsFile& file, const LoraLayer& layer) {
  const auto &down = file.info(layer.down).shape, &up = file.info(layer.up).shape;
  for (const std::string& name : {layer.down, layer.up})
    if (const auto dtype = file.info(name).dtype; !at::isFloatingType(dtype))
      refuse(file, name,
             fmt::format("expected a floating-point dtype, got {}", at::toString(dtype)));
  if (down.size() != 2) refuse(file, layer.down, "expected a matrix [rank, in]");
  if (up.size() != 2) refuse(file, layer.up, "expected a matrix [out, rank]");
  if (down[0] == 0) refuse(file, layer.down, "has rank 0, expected at least 1");
  if (down[0] != up[1])
    refuse(file, layer.up, fmt::format("has rank {}, but {} has {}", up[1], layer.down, down[0]));
  return down[0];
}

/// The settings that PEFT and diffusers leave in the header, for one component.
class Adapter {
 public:
  Adapter(const SafetensorsFile& file, const std::string& component) {
    const auto found = file.metadata().find("lora_adapter_metadata");
    if (found == file.metadata().end()) return;
    const std::string prefix = component.empty() ? "" : component + ".";
    const std::string name = file.path().string() + ": lora_adapter_metadata";
    const nlohmann::json settings = parse_json(found->second, name);
    if (!settings.is_object()) throw InputError(name + ": expected an object");
    for (const auto& [key, value] : settings.items())
      if (key.starts_with(prefix)) settings_[key.substr(prefix.size())] = value;
  }

  /// Of a layer of this rank: alpha / rank.
  double factor(const std::string& layer, std::int64_t rank) const {
    const double alpha = alpha_of(layer, static_cast<double>(rank));
    const auto root = settings_.find("use_rslora");
    const bool by_root = root != settings_.end() && root->second.is_boolean() && root->second;
    return alpha / (by_root ? std::sqrt(static_cast<double>(rank)) : static_cast<double>(rank));
  }

 private:
  double alpha_of(const std::string& layer, double rank) const {
    if (const auto own = settings_.find("alpha_pattern");
        own != settings_.end() && own->second.is_object())
      for (const auto& [name, alpha] : own->second.items())
        if (alpha.is_number() && (layer == name || layer.ends_with("." + name))) return alpha;
    const auto alpha = settings_.find("lora_alpha");
    return alpha != settings_.end() && alpha->second.is_number() ? double(alpha->second) : rank;
  }

  std::map<std::string, nlohmann::json> settings_;
};

void place(LoraLayer& layer, Part part, const std::string& tensor) {
  if (part == Part::down) layer.down = tensor;
  if (part == Part::up) layer.up = tensor;
  if (part == Part::weight_difference) layer.weight_difference = tensor;
  if (part == Part::bias_difference) layer.bias_difference = tensor;
}

}  // namespace

LoraFile::LoraFile(const std::filesystem::path& path) : tensors_(path) {
  std::map<std::string, LoraLayer> layers;
  std::map<std::string, std::string> alphas;
  for (const TensorInfo& tensor : tensors_.tensors()) {
    const auto found = split(tensor.name);
    if (!found) {
      unknown_.push_back(tensor.name);
      continue;
    }
    const std::string key(found->first);
    const Name name = without_prefixes(key);
    LoraLayer& layer = layers[key];
    layer.component = name.component;
    layer.layer = name.layer;
    if (found->second == Part::alpha) alphas[key] = tensor.name;
    place(layer, found->second, tensor.name);
  }
  std::map<std::string, Adapter> adapters;  // by component: their settings are read once
  for (auto& [key, layer] : layers) {
    if (layer.has_pair()) {
      layer.rank = rank_of(tensors_, layer);
      const auto alpha = alphas.find(key);
      layer.factor = alpha == alphas.end()
                         ? adapters.try_emplace(layer.component, tensors_, layer.component)
                               .first->second.factor(layer.layer, layer.rank)
                         : scalar(tensors_, alpha->second) / static_cast<double>(layer.rank);
    }
    layers_.push_back(std::move(layer));
  }
}

}  // namespace chitu::io
