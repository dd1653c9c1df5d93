#include "chitu_core/config/override/merge.h"

#include "chitu_core/common/nearest.h"
#include "chitu_core/config/interpolate/evaluate.h"
#include "chitu_core/config/override/sharing.h"
#include "chitu_core/config/value/error.h"
#include "chitu_core/config/value/limits.h"

namespace chitu::config {
namespace {

[[noreturn]] void kinds_differ(const Node& destination, const Node& source, std::string_view at) {
  std::string problem = "cannot merge " + std::string(describe(source.kind())) + " over " +
                        std::string(describe(destination.kind()));
  const std::string there = to_string_with_column(destination.origin());
  if (!there.empty()) problem += " from " + there;
  throw ConfigError(source.origin(), at, problem);
}

/// A copy of the map or list that the interpolation at `at` refers to; empty when there is none.
std::optional<Node> target_container(const Node& root, std::string_view at) {
  try {
    Evaluator evaluator(root);
    const Place* target = evaluator.find(evaluator.root(), at);
    if (target && target->node->is_container()) {
      Node copy = *target->node;
      forget_identities(copy);
      return copy;
    }
  } catch (const ConfigError&) {
    // It may resolve later, when everything is merged.
  }
  return std::nullopt;
}

class Merger {
 public:
  Merger(Node& root, Struct mode) : root_(root), mode_(mode) {}

  void maps(Node& destination, const Node& source, const std::string& at, std::size_t depth) {
    if (depth > kMaxDepth) throw ConfigError(source.origin(), at, "nested too deep to merge");
    for (const Entry& entry : source.map()) {
      const std::string key = join_path(at, entry.key.text);
      Node* old = destination.map().find(entry.key);
      if (!old) {
        add(destination, entry, key);
        continue;
      }
      if (old->is_interpolation())
        if (auto copy = target_container(root_, key)) *old = std::move(*copy);
      over(*old, entry.value, key, depth);
    }
  }

 private:
  void add(Node& destination, const Entry& entry, const std::string& key) {
    if (mode_ == Struct::closed)
      throw ConfigError(entry.value.origin(), key,
                        "no such key to override" +
                            did_you_mean(entry.key.text, keys_of(destination)) +
                            "; put + before the key to add it");
    destination.map().set(entry.key, entry.value);
    (destination.map().end() - 1)->origin = entry.origin;
  }

  void over(Node& old, const Node& source, const std::string& key, std::size_t depth) {
    if (source.is_missing()) return;
    if (old.is_map() && source.is_map()) {
      maps(old, source, key, depth + 1);
    } else if ((old.is_map() && source.is_list()) || (old.is_list() && source.is_map())) {
      kinds_differ(old, source, key);
    } else {
      // A list keeps its identity (sharing.h); any other value is replaced as a whole.
      const std::uint32_t identity = old.is_list() && source.is_list() ? old.identity() : 0;
      old = source;
      if (identity != 0) old.set_identity(identity);
    }
  }

  Node& root_;
  Struct mode_;
};

}  // namespace

void merge(Node& destination, const Node& source, Node& root, Struct mode, std::string_view at) {
  if (source.is_missing()) return;
  if (destination.is_map() && source.is_map())
    Merger(root, mode).maps(destination, source, std::string(at), 0);
  else if (destination.is_container() && source.is_container() &&
           destination.kind() != source.kind())
    kinds_differ(destination, source, at);
  else
    destination = source;
}

Node merged(Node base, const Node& over) {
  merge(base, over, base);
  return base;
}

}  // namespace chitu::config
