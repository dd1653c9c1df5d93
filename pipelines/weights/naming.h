#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chitu::pipelines {

/// The name of a layer or a weight in another collection of the model's weights.
using OriginalName = std::function<std::string(const std::string& name)>;

/// How files outside of diffusers folders name the weights of a component.
struct WeightNaming {
  /// That may precede all names of the component: "model.diffusion_model.".
  std::vector<std::string> prefixes{};
  /// Besides the component's own names.
  std::vector<OriginalName> spellings{};
};

/// Our name, or its beginning up to a dot, and what stands there elsewhere.
using Renaming = std::pair<std::string_view, std::string_view>;

/// The name by the first entry that fits, else the name itself.
std::string renamed(std::string_view name, std::span<const Renaming> table);

}  // namespace chitu::pipelines
