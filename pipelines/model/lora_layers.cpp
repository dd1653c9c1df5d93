#include "pipelines/model/lora_layers.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/common/expected.h"
#include "chitu_core/common/log.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/io/content_hash.h"
#include "chitu_core/io/safetensors.h"

namespace chitu::pipelines {
namespace {

constexpr std::size_t kMostNamed = 5;

/// The layers and weights of a module by all names that LoRA files give them.
class Places {
 public:
  Places(memory::Module& module, const OriginalName& original_name) : original_(original_name) {
    module.visit_parameters([&](const std::string& name, memory::Parameter& parameter) {
      weights_.emplace(name, &parameter);
      add(name);
    });
    add_layers("", module);
  }

  /// The module's own name for what a file calls `spelled`.
  std::optional<std::string> find(const std::string& spelled) const {
    const auto found = names_.find(spelled);
    return found == names_.end() ? std::nullopt : std::optional(found->second);
  }
  memory::Module* layer(const std::string& name) const {
    const auto found = layers_.find(name);
    return found == layers_.end() ? nullptr : found->second;
  }
  const memory::Parameter* weight(const std::string& name) const {
    const auto found = weights_.find(name);
    return found == weights_.end() ? nullptr : found->second;
  }

 private:
  void add_layers(const std::string& prefix, memory::Module& module) {
    for (const auto& [name, child] : module.children()) {
      layers_.emplace(prefix + name, child);
      add(prefix + name);
      add_layers(prefix + name + ".", *child);
    }
  }

  /// Under its own name and the original one, with dots and with underscores.
  void add(const std::string& name) {
    for (const std::string& spelled : {name, original_ ? original_(name) : name}) {
      names_.emplace(spelled, name);
      std::string flat = spelled;
      std::ranges::replace(flat, '.', '_');
      names_.emplace(flat, name);
    }
  }

  const OriginalName& original_;
  std::unordered_map<std::string, std::string> names_;
  std::map<std::string, memory::Module*> layers_;
  std::map<std::string, const memory::Parameter*> weights_;
};

/// Puts the layers of one LoRA into one component.
class Placing {
 public:
  Placing(const Places& places, memory::LoraWeights& weights,
          std::shared_ptr<const io::SafetensorsFile> file, double scale, LoraMode mode)
      : places_(places), weights_(weights), file_(std::move(file)), scale_(scale), mode_(mode) {}

  /// The linear map that the pair changes; null if there is none.
  const memory::Parameter* map_of(const std::string& name) const {
    const memory::Parameter* weight = places_.weight(name + ".weight");
    return places_.layer(name) && weight && weight->shape.size() == 2 ? weight : nullptr;
  }
  bool pair(const std::string& name, const io::LoraLayer& layer) {
    const memory::LowRankPair matrices{file_, layer.down, layer.up, layer.rank,
                                       layer.factor * scale_};
    if (mode_ == LoraMode::merge) {
      weights_.merge(name + ".weight", matrices);
      return true;
    }
    if (!places_.layer(name)->add_low_rank(layer.rank)) return false;
    weights_.add(name, matrices);
    return true;
  }
  /// The first of the weights that exists, by name; null if none does.
  std::pair<std::string, const memory::Parameter*> weight_of(
      const std::vector<std::string>& names) const {
    for (const std::string& name : names)
      if (const memory::Parameter* weight = places_.weight(name)) return {name, weight};
    return {"", nullptr};
  }
  void difference(const std::string& weight, const std::string& tensor) {
    weights_.add(weight, memory::WeightDifference{file_, tensor, scale_});
  }

 private:
  const Places& places_;
  memory::LoraWeights& weights_;
  std::shared_ptr<const io::SafetensorsFile> file_;
  double scale_;
  LoraMode mode_;
};

std::string contents_of(const LoraChoice& lora) {
  return io::sampled_sum(io::SafetensorsFile(lora.path));
}

void check_contents(const std::string& key, const LoraChoice& lora) {
  if (!lora.contents) return;
  const std::string found = contents_of(lora);
  if (found != *lora.contents)
    throw InputError(fmt::format("{}.contents={}: {} is another LoRA than before, with {}", key,
                                 *lora.contents, lora.path.string(), found));
}

}  // namespace

struct LoraSet::Opened {
  LoraChoice choice;
  io::LoraFile file;
  std::set<std::string> placed;                 ///< tensors of the file
  std::map<std::string, std::size_t> layers{};  ///< changed ones, by component
  std::int64_t most_rank = 0;

  Opened(const LoraChoice& chosen) : choice(chosen), file(chosen.path) {}

  bool may_change(const std::string& component, const io::LoraLayer& layer) const {
    if (!choice.component.empty()) return choice.component == component;
    return layer.component.empty() || layer.component == component;
  }
  std::shared_ptr<const io::SafetensorsFile> tensors(const std::shared_ptr<Opened>& self) const {
    return {self, &file.tensors()};
  }
  [[noreturn]] void refuse(const std::string& tensor, const std::string& problem) const {
    throw InputError(fmt::format("{}: tensor \"{}\": {}", choice.path.string(), tensor, problem));
  }
  void check_pair(const io::LoraLayer& layer, const memory::Parameter& weight) const;
  void check_difference(const std::string& tensor, const memory::Parameter& weight) const;
  bool place(Placing& placing, const std::string& name, const io::LoraLayer& layer);
  std::vector<std::string> left_over() const;
  std::string why_not(const std::vector<std::string>& left) const;
  void report(const std::vector<std::string>& left) const;
};

void LoraSet::Opened::check_pair(const io::LoraLayer& layer,
                                 const memory::Parameter& weight) const {
  const auto &down = file.tensors().info(layer.down).shape,
             &up = file.tensors().info(layer.up).shape;
  if (down[1] != weight.shape[1])
    refuse(layer.down, fmt::format("expected shape [{}, {}], got {}", down[0], weight.shape[1],
                                   memory::shape_text(down)));
  if (up[0] != weight.shape[0])
    refuse(layer.up, fmt::format("expected shape [{}, {}], got {}", weight.shape[0], up[1],
                                 memory::shape_text(up)));
}

void LoraSet::Opened::check_difference(const std::string& tensor,
                                       const memory::Parameter& weight) const {
  const io::TensorInfo& info = file.tensors().info(tensor);
  if (!at::isFloatingType(info.dtype))
    refuse(tensor,
           fmt::format("expected a floating-point dtype, got {}", at::toString(info.dtype)));
  if (info.numel() != weight.numel())
    refuse(tensor, fmt::format("expected shape {}, got {}", memory::shape_text(weight.shape),
                               memory::shape_text(info.shape)));
}

void LoraSet::Opened::report(const std::vector<std::string>& left) const {
  std::vector<std::string> parts;
  for (const auto& [component, count] : layers)
    parts.push_back(fmt::format("{} layers of {}", count, component));
  const auto log = logger("pipelines");
  log->info("LoRA {}: {}, rank {}, scale {}", choice.path.string(),
            parts.empty() ? "changes nothing" : join(parts), most_rank, choice.scale);
  if (!left.empty())
    log->warn("LoRA {}: {} tensors have no place and are left out: {}", choice.path.string(),
              left.size(), join(first_few(left, kMostNamed)));
}

/// The end of the message that it changes nothing.
std::string LoraSet::Opened::why_not(const std::vector<std::string>& left) const {
  if (left.empty()) return ": it has no tensors";
  for (const io::LoraLayer& layer : file.layers())
    if (layer.has_half())
      return fmt::format(": the other matrix of {} is missing",
                         layer.down.empty() ? layer.up : layer.down);
  return fmt::format(": no place in the model for {}", join(first_few(left, kMostNamed)));
}

/// Tensors that no component has used.
std::vector<std::string> LoraSet::Opened::left_over() const {
  std::vector<std::string> names = file.unknown();
  for (const io::LoraLayer& layer : file.layers())
    for (const std::string& name :
         {layer.down, layer.up, layer.weight_difference, layer.bias_difference})
      if (!name.empty() && !placed.contains(name)) names.push_back(name);
  return names;
}

namespace {

std::string instead_of_file(const std::filesystem::path& path) {
  if (std::filesystem::is_directory(path)) return "it is a folder";
  return std::filesystem::exists(path) ? "it is not a regular file" : "there is none";
}

}  // namespace

/// Whether the layer has a place there.
bool LoraSet::Opened::place(Placing& placing, const std::string& name, const io::LoraLayer& layer) {
  bool changed = false;
  const auto count = [&](const std::string& tensor) {
    placed.insert(tensor);
    changed = true;
  };
  if (const memory::Parameter* map = layer.has_pair() ? placing.map_of(name) : nullptr) {
    check_pair(layer, *map);
    if (placing.pair(name, layer)) {
      count(layer.down);
      count(layer.up);
      most_rank = std::max(most_rank, layer.rank);
    }
  }
  const auto add_difference = [&](const std::string& tensor,
                                  const std::vector<std::string>& names) {
    if (tensor.empty()) return;
    const auto [weight, parameter] = placing.weight_of(names);
    if (!parameter) return;
    check_difference(tensor, *parameter);
    placing.difference(weight, tensor);
    count(tensor);
  };
  add_difference(layer.weight_difference, {name + ".weight", name});
  add_difference(layer.bias_difference, {name + ".bias"});
  return changed;
}

void add_contents(std::vector<LoraChoice>& loras) {
  for (std::size_t i = 0; i < loras.size(); ++i) {
    check_contents(fmt::format("request.loras[{}]", i), loras[i]);
    if (!loras[i].contents) loras[i].contents = contents_of(loras[i]);
  }
}

LoraSet::LoraSet(const LoraChoices& choices, const std::vector<std::string>& transformers)
    : mode_(choices.mode) {
  for (std::size_t i = 0; i < choices.list.size(); ++i) {
    const LoraChoice& choice = choices.list[i];
    const std::string key = fmt::format("{}[{}]", choices.key, i);
    if (!choice.component.empty() &&
        std::ranges::find(transformers, choice.component) == transformers.end())
      throw InputError(fmt::format("{}.component={}: the checkpoint has no such transformer, {}",
                                   key, choice.component,
                                   expected_one_of(choice.component, transformers)));
    if (!std::filesystem::is_regular_file(choice.path))
      throw InputError(fmt::format("{}.path={}: expected a safetensors file, {}", key,
                                   choice.path.string(), instead_of_file(choice.path)));
    check_contents(key, choice);
    loras_.push_back(std::make_shared<Opened>(choice));
  }
}

void LoraSet::apply(const std::string& component, memory::Module& module,
                    memory::LoraWeights& weights, const OriginalName& original_name) {
  const Places places(module, original_name);
  for (const auto& lora : loras_) {
    Placing placing(places, weights, lora->tensors(lora), lora->choice.scale, mode_);
    for (const io::LoraLayer& layer : lora->file.layers()) {
      if (!lora->may_change(component, layer)) continue;
      const auto name = places.find(layer.layer);
      if (name && lora->place(placing, *name, layer)) ++lora->layers[component];
    }
  }
}

void LoraSet::finish(bool reports) const {
  for (const auto& lora : loras_) {
    const auto left = lora->left_over();
    const std::string& component = lora->choice.component;
    if (lora->layers.empty() && lora->choice.strict)
      throw InputError(fmt::format("{}: changes no layer of {}{}", lora->choice.path.string(),
                                   component.empty() ? "the model" : component,
                                   lora->why_not(left)));
    if (!left.empty() && lora->choice.strict)
      throw InputError(fmt::format(
          "{}: {} of its tensors have no place in the model: {}; strict: false in model.loras "
          "leaves them out",
          lora->choice.path.string(), left.size(), join(first_few(left, kMostNamed))));
    if (reports) lora->report(left);
  }
}

}  // namespace chitu::pipelines
