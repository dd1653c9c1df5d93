#include "chitu_core/config/compose/compose.h"

#include <algorithm>

#include "chitu_core/common/nearest.h"
#include "chitu_core/config/compose/compose_parts.h"
#include "chitu_core/config/compose/defaults_tree.h"
#include "chitu_core/config/compose/group_choices.h"
#include "chitu_core/config/compose/hydra_node.h"
#include "chitu_core/config/compose/repository.h"
#include "chitu_core/config/compose/surprises.h"
#include "chitu_core/config/interpolate/evaluate.h"
#include "chitu_core/config/override/edit.h"
#include "chitu_core/config/override/merge.h"
#include "chitu_core/config/override/override.h"
#include "chitu_core/config/override/sharing.h"
#include "chitu_core/config/value/error.h"

namespace chitu::config {
namespace {

void check_sweeps(const std::vector<Override>& overrides, bool multirun) {
  for (const Override& given : overrides) {
    if (!given.is_sweep()) continue;
    if (multirun) {
      if (given.is_hydra())
        throw ConfigError(given.text + ": sweeping over Hydra's own configuration is not possible");
      continue;
    }
    if (given.value_type != ValueType::simple_choice)
      throw ConfigError(given.text + ": a sweep needs --multirun");
    const std::string value = given.text.substr(given.text.find('=') + 1);
    throw ConfigError("Ambiguous value for argument '" + given.text +
                      "': to use it as a list, write " + given.key_element() + "=[" + value +
                      "]; as a string, " + given.key_element() + "=" + quoted_text(value, '\'') +
                      "; to sweep over it, add --multirun");
  }
}

void check_directories(const ComposeRequest& request) {
  for (const SearchPathEntry& entry : request.search_path) {
    std::error_code ignored;
    if (!std::filesystem::is_directory(entry.path, ignored))
      throw ConfigError("config directory not found: " + entry.path.string());
  }
}

/// hydra.searchpath from the command line, else from the primary config.
void extend_search_path(Repository& repository, const ComposeRequest& request,
                        const std::vector<Override>& overrides, Composition& composition) {
  Node paths;
  std::string provider = "hydra.searchpath in main";
  const auto given = std::find_if(
      overrides.begin(), overrides.end(),
      [](const Override& candidate) { return candidate.key_element() == "hydra.searchpath"; });
  if (given != overrides.end()) {
    provider = "hydra.searchpath in command-line";
    paths = given->config_value();
  } else if (!request.config_name.empty()) {
    const LoadedConfig* primary = repository.load(request.config_name);
    if (!primary) return;
    if (!primary->content.is_map())
      throw ConfigError(primary->content.origin(),
                        "the primary config must be a map, got " + show(primary->content));
    Evaluator evaluator(primary->content);
    if (const Place* found = evaluator.find(evaluator.root(), "hydra.searchpath"))
      paths = evaluator.plain(found);
  }
  if (paths.is_null() || paths.is_missing()) return;
  const auto refuse = [&] {
    throw ConfigError(paths.origin(), "hydra.searchpath",
                      "must be a list of strings, got " + show(paths));
  };
  if (!paths.is_list()) refuse();
  for (const Node& path : paths.list()) {
    if (!path.is_string()) refuse();
    std::string text = path.text();
    if (text.starts_with("file://")) text.erase(0, 7);
    std::error_code ignored;
    if (!std::filesystem::is_directory(text, ignored))
      composition.warnings.push_back(provider + ": " + text + " is not a directory");
    repository.append({text, provider});
  }
}

Node wrapped(Node content, const std::string& package) {
  if (package.empty()) return content;
  const Origin origin = content.origin();
  Node result = std::move(content);
  const std::vector<std::string> parts = split_path(package);
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    Map around;
    around.set(*part, std::move(result));
    around.begin()->origin = origin;
    result = Node(std::move(around)).at_origin(origin);
  }
  return result;
}

void merge_step(Node& root, const ConfigStep& step, bool primary) {
  const Node& content = step.content;
  if (const Node* hydra = content.is_map() ? content.map().find("hydra") : nullptr) {
    const Node* path = content.find("hydra.searchpath");
    if (path && !path->is_null() && !path->is_missing() && !primary &&
        step.config_path != "hydra/config")
      throw ConfigError(path->origin(), "in '" + step.config_path +
                                            "': hydra.searchpath is only taken from the primary "
                                            "config");
    if (step.file != "built-in") check_hydra_keys(*hydra);
  }
  if (!content.is_map())
    throw ConfigError(content.origin(), "in '" + step.config_path + "': " + show(content) +
                                            " cannot be merged into the configuration");
  try {
    merge(root, content, root);
  } catch (const ConfigError& error) {
    throw ConfigError(std::string(error.what()) + " (in '" + step.config_path + "'" +
                      (step.parent.empty() || step.parent == "<root>"
                           ? ")"
                           : ", included by '" + step.parent + "')"));
  }
}

/// The contents of configs that are used more than once (sharing.h).
class SharedContents {
 public:
  explicit SharedContents(const std::vector<FinalDefault>& defaults) {
    std::map<std::string, int> uses;
    for (const FinalDefault& item : defaults) ++uses[item.config_path];
    for (const auto& [path, count] : uses)
      if (count > 1) contents_[path];
  }

  Node content_of(const FinalDefault& item, Repository& repository) {
    const auto found = contents_.find(item.config_path);
    if (found == contents_.end())
      return wrapped(repository.take_content(item.config_path), item.package);
    if (!found->second) {
      found->second = repository.take_content(item.config_path);
      identify(*found->second, next_);
    }
    if (item.package.empty()) return *found->second;
    Node copy = *found->second;
    forget_identities(copy);
    return wrapped(std::move(copy), item.package);
  }

  void refresh_all(const Node& root) {
    for (auto& [path, content] : contents_)
      if (content) refresh(*content, root);
  }

 private:
  std::map<std::string, std::optional<Node>> contents_;
  std::uint32_t next_ = 0;
};

void merge_all(Composition& composition, const std::vector<FinalDefault>& defaults,
               Repository& repository) {
  composition.root = Node(Map());
  SharedContents shared(defaults);
  for (const FinalDefault& item : defaults) {
    const LoadedConfig* loaded = repository.load(item.config_path);
    composition.steps.push_back({item.config_path, item.package, item.parent, loaded->file,
                                 item.is_self, item.implicit_self,
                                 shared.content_of(item, repository)});
    merge_step(composition.root, composition.steps.back(), item.primary);
    shared.refresh_all(composition.root);
  }
  forget_identities(composition.root);
}

}  // namespace

std::vector<Override> parse_overrides(const ComposeRequest& request) {
  std::vector<Override> overrides;
  overrides.reserve(request.overrides.size() + request.texts.size());
  for (const std::string& text : request.overrides) overrides.push_back(parse_override(text));
  for (const auto& [key, text] : request.texts) overrides.push_back(text_override(key, text));
  return overrides;
}

MergedDefaults merge_defaults(const ComposeRequest& request,
                              const std::vector<Override>& overrides) {
  Composition composition;
  Repository repository(request.search_path);
  extend_search_path(repository, request, overrides, composition);
  check_sweeps(overrides, request.multirun);

  GroupChoices choices(repository, overrides);
  DefaultsTree tree(repository, choices, request.multirun);
  const std::vector<FinalDefault> defaults = tree.walk(request.config_name);
  choices.check_used();

  merge_all(composition, defaults, repository);
  note_surprises(composition);
  composition.choices = choices.known();
  composition.search_path = repository.search_path();
  composition.defaults_tree = tree.describe();
  return {std::move(composition), choices.value_overrides()};
}

void set_values(Composition& composition, const ComposeRequest& request,
                const std::vector<Override>& overrides,
                const std::vector<const Override*>& value_overrides) {
  for (const Override* given : value_overrides)
    apply_override(composition.root, *given, request.new_keys);
  for (const Override& given : overrides)
    (given.is_hydra() ? composition.hydra_overrides : composition.task_overrides)
        .push_back(given.text);
  if (Node* hydra = composition.root.map().find("hydra")) convert_hydra_node(*hydra);
  fill_hydra_node(composition, request, overrides);
  composition.config = composition.root;
  composition.config.map().erase("hydra");
}

Composition compose(const ComposeRequest& request) {
  check_directories(request);
  const std::vector<Override> overrides = parse_overrides(request);
  MergedDefaults merged = merge_defaults(request, overrides);
  set_values(merged.composition, request, overrides, merged.value_overrides);
  return std::move(merged.composition);
}

}  // namespace chitu::config
