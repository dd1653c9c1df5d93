#include "chitu_core/config/compose/completion.h"

#include <algorithm>
#include <set>

#include "chitu_core/config/compose/repository.h"
#include "chitu_core/config/override/override.h"
#include "chitu_core/config/value/error.h"

namespace chitu::config {
namespace {

/// Composes with the other overrides, or without them if that fails; empty if both fail.
std::optional<Composition> compose_leniently(ComposeRequest request) {
  request.multirun = true;
  while (true) {
    try {
      return compose(request);
    } catch (const InputError&) {
      if (request.overrides.empty() && request.texts.empty()) return std::nullopt;
      request.overrides.clear();
      request.texts.clear();
    }
  }
}

std::string before_last(const std::string& text, char separator) {
  const std::size_t at = text.rfind(separator);
  return at == std::string::npos ? "" : text.substr(0, at);
}

class Candidates {
 public:
  Candidates(const Composition& composition, const std::string& marks, const std::string& typed)
      : composition_(composition),
        repository_(composition.search_path),
        marks_(marks),
        typed_(typed) {}

  std::vector<std::string> names() {
    add_groups();
    add_keys();
    return {found_.begin(), found_.end()};
  }

  std::vector<std::string> values(const std::string& key, const ValueChoices& choices) {
    if (repository_.is_group(key)) {
      for (const std::string& option : repository_.options(key)) add(key + "=" + option);
      return {found_.begin(), found_.end()};
    }
    const std::vector<std::string> listed = choices ? choices(key) : std::vector<std::string>();
    for (const std::string& value : listed) add(key + "=" + value);
    const Node* node = composition_.root.find(key);
    if (listed.empty() && node && !node->is_container() && !node->is_missing())
      add(key + "=" + override_text(*node));
    return {found_.begin(), found_.end()};
  }

 private:
  void add(const std::string& candidate) {
    if (candidate.starts_with(typed_)) found_.insert(marks_ + candidate);
  }

  void add_groups() {
    const std::string parent = before_last(typed_, '/');
    for (const std::string& name : repository_.groups(parent)) {
      const std::string group = parent.empty() ? name : parent + "/" + name;
      const bool of_hydra = group == "hydra" || group.starts_with("hydra/");
      if (of_hydra && !typed_.starts_with("h")) continue;  // Hydra's own groups only when typed
      if (!repository_.options(group).empty()) add(group + "=");
      if (!repository_.groups(group).empty()) add(group + "/");
    }
  }

  void add_keys() {
    const std::string parent = before_last(typed_, '.');
    const Node* node = parent.empty() ? &composition_.root : composition_.root.find(parent);
    if (!node || !node->is_map()) return;
    for (const Entry& entry : node->map()) {
      const std::string key = (parent.empty() ? "" : parent + ".") + entry.key.text;
      if (key == "hydra" && typed_.empty()) continue;
      const bool more = entry.value.is_map() && entry.value.map().size() > 0;
      add(key + (more ? "." : "="));
    }
  }

  const Composition& composition_;
  Repository repository_;
  std::string marks_, typed_;
  std::set<std::string> found_;
};

}  // namespace

std::vector<std::string> complete_override(const ComposeRequest& request, const std::string& word,
                                           const ValueChoices& choices) {
  const auto composition = compose_leniently(request);
  if (!composition) return {};
  const std::size_t start = std::min(word.find_first_not_of("+~"), word.size());
  const std::string typed = word.substr(start);
  Candidates candidates(*composition, word.substr(0, start), typed);
  const std::size_t equals = typed.find('=');
  if (equals == std::string::npos) return candidates.names();
  return candidates.values(typed.substr(0, equals), choices);
}

}  // namespace chitu::config
