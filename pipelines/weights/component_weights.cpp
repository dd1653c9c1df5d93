#include "pipelines/weights/component_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/io/quoted_name.h"

namespace chitu::pipelines {
namespace {

constexpr std::size_t kMostNamed = 3;

/// Under which the checkpoints of ComfyUI have components side by side.
constexpr std::array<std::string_view, 7> kComponentPrefixes{
    "model.diffusion_model.", "text_encoders.", "vae.",        "first_stage_model.",
    "cond_stage_model.",      "conditioner.",   "clip_vision."};

bool has_component_prefix(const std::string& name) {
  return std::ranges::any_of(kComponentPrefixes,
                             [&](std::string_view prefix) { return name.starts_with(prefix); });
}

std::string named(const std::vector<std::string>& names) {
  return join(first_few(names, kMostNamed));
}

/// The weights that a module may have, by name.
std::map<std::string, const memory::Parameter*> weights_of(const memory::Module& module) {
  std::map<std::string, const memory::Parameter*> weights;
  module.visit_parameters([&](const std::string& name, const memory::Parameter& parameter) {
    weights.emplace(name, &parameter);
    if (!parameter.overriding_name.empty()) weights.emplace(parameter.overriding_name, &parameter);
  });
  return weights;
}

/// Matches the names of one file with those of a module.
class Matching {
 public:
  Matching(io::Checkpoint checkpoint, std::string component, const memory::Module& module,
           const WeightNaming& naming)
      : checkpoint_(std::move(checkpoint)),
        component_(std::move(component)),
        module_(module),
        weights_(weights_of(module)) {
    take_names(naming.prefixes);
    choose_spelling(naming.spellings);
  }

  std::shared_ptr<const io::Checkpoint> run() {
    checkpoint_.rename(new_names());
    check_missing();
    check_unknown();
    restore_dimensions();
    check_shapes();
    return std::make_shared<const io::Checkpoint>(std::move(checkpoint_));
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const {
    throw InputError(fmt::format("{}: {}", checkpoint_.path().string(), problem));
  }

  /// The names below the component's prefix, by what follows it. Other components beside it are
  /// left out.
  void take_names(const std::vector<std::string>& prefixes) {
    const auto& names = checkpoint_.names();
    for (const std::string& prefix : prefixes)
      if (std::ranges::any_of(names, [&](const auto& name) { return name.starts_with(prefix); })) {
        prefix_ = prefix;
        break;
      }
    for (const std::string& name : names) {
      if (name.starts_with(prefix_))
        own_.emplace(name.substr(prefix_.size()), name);
      else if (!has_component_prefix(name))
        fail(
            fmt::format("tensor {} is not below {} as others are", io::quoted_name(name), prefix_));
    }
  }

  std::size_t hits(const OriginalName& spelling) const {
    return static_cast<std::size_t>(std::ranges::count_if(weights_, [&](const auto& weight) {
      return own_.contains(spelling ? spelling(weight.first) : weight.first);
    }));
  }

  void choose_spelling(const std::vector<OriginalName>& spellings) {
    std::size_t most = hits(spelling_);
    for (const OriginalName& spelling : spellings)
      if (const std::size_t found = hits(spelling); found > most) {
        most = found;
        spelling_ = spelling;
      }
    std::size_t needed = 0;
    module_.visit_parameters([&](const std::string&, const memory::Parameter&) { ++needed; });
    if (2 * most >= needed) return;
    std::vector<std::string> found, expected;
    for (const auto& [name, whole] : own_) found.push_back(whole);
    for (const auto& [name, parameter] : weights_) expected.push_back(name);
    fail(
        fmt::format("not the weights of {}: has {} of its {} tensors; found {}; expected {} or "
                    "the names of the original repository",
                    component_, most, needed, named(found), named(expected)));
  }

  std::string spelled(const std::string& name) const { return spelling_ ? spelling_(name) : name; }

  /// New names of the file's tensors by their own. Weights that the module knows and does not use
  /// have its name for them, others keep theirs.
  std::unordered_map<std::string, std::string> new_names() const {
    std::unordered_map<std::string, std::string> names;
    for (const auto& [name, parameter] : weights_)
      if (const auto found = own_.find(spelled(name)); found != own_.end())
        names.emplace(found->second, name);
    for (const auto& [rest, whole] : own_) names.emplace(whole, unused_name(rest).value_or(rest));
    return names;
  }

  std::optional<std::string> unused_name(const std::string& name) const {
    constexpr std::string_view kAny = "weight";
    for (const std::string& prefix : module_.unused_prefixes()) {
      std::string other = spelled(prefix + std::string(kAny));
      if (!other.ends_with(kAny)) continue;
      other.resize(other.size() - kAny.size());
      if (name.starts_with(other)) return prefix + name.substr(other.size());
    }
    return std::nullopt;
  }

  void check_missing() const {
    std::vector<std::string> missing;
    module_.visit_parameters([&](const std::string& name, const memory::Parameter& parameter) {
      const std::string& other = parameter.overriding_name;
      if (!checkpoint_.contains(name) && (other.empty() || !checkpoint_.contains(other)))
        missing.push_back(prefix_ + spelled(name));
    });
    if (!missing.empty())
      fail(fmt::format("{} tensors of {} are missing: {}", missing.size(), component_,
                       named(missing)));
  }

  void check_unknown() const {
    std::vector<std::string> unknown;
    for (const std::string& name : checkpoint_.names())
      if (!weights_.contains(name) && !is_unused(name))
        unknown.push_back(io::quoted_name(checkpoint_.info(name).name));
    if (!unknown.empty())
      fail(fmt::format("{} tensors are no weights of {} as its config describes it: {}",
                       unknown.size(), component_, named(unknown)));
  }

  bool is_unused(const std::string& name) const {
    return std::ranges::any_of(module_.unused_prefixes(),
                               [&](const std::string& prefix) { return name.starts_with(prefix); });
  }

  /// Tools that quantise drop outer dimensions of size 1.
  void restore_dimensions() {
    const auto without_ones = [](std::vector<std::int64_t> shape) {
      std::erase(shape, 1);
      return shape;
    };
    for (const auto& [name, parameter] : weights_)
      if (checkpoint_.contains(name) && !checkpoint_.info(name).encoding &&
          without_ones(checkpoint_.info(name).shape) == without_ones(parameter->shape))
        checkpoint_.reshape(name, parameter->shape);
  }

  void check_shapes() const {
    std::vector<std::string> faults;
    for (const auto& [name, parameter] : weights_) {
      if (!checkpoint_.contains(name)) continue;
      const io::TensorInfo& info = checkpoint_.info(name);
      if (info.shape != parameter->shape)
        faults.push_back(fmt::format("tensor {} has shape {}, expected {}",
                                     io::quoted_name(info.name), memory::shape_text(info.shape),
                                     memory::shape_text(parameter->shape)));
      else if (!at::isFloatingType(info.dtype))
        faults.push_back(fmt::format("tensor {} has dtype {}, expected a floating-point one",
                                     io::quoted_name(info.name), at::toString(info.dtype)));
    }
    if (faults.empty()) return;
    const std::string more =
        faults.size() > 1 ? fmt::format("; {} more do not fit", faults.size() - 1) : "";
    fail(fmt::format("does not fit the config of {}: {}{}", component_, faults.front(), more));
  }

  io::Checkpoint checkpoint_;
  std::string component_;
  const memory::Module& module_;
  std::map<std::string, const memory::Parameter*> weights_;
  std::string prefix_;
  std::map<std::string, std::string> own_;  ///< whole names by what follows the prefix
  OriginalName spelling_;                   ///< empty: the module's own
};

}  // namespace

std::shared_ptr<const io::Checkpoint> open_component_weights(const std::filesystem::path& file,
                                                             const std::string& component,
                                                             const memory::Module& module,
                                                             const WeightNaming& naming) {
  return Matching(io::Checkpoint::open(file), component, module, naming).run();
}

}  // namespace chitu::pipelines
