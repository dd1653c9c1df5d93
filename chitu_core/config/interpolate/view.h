#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/config/value/node.h"

namespace chitu::config {

class Evaluator;
struct Place;

/// A value of a composed configuration, read through its interpolations. Borrows the tree, which
/// must outlive it.
class View {
 public:
  /// The root of a tree. `hydra_root` is what `${hydra:...}` reads, null for none.
  View(const Node& root, const Node* hydra_root = nullptr);  // NOLINT: a tree is a view of itself

  /// The value at a dotted path below this one. Throws ConfigError, with the nearest key, when
  /// there is none.
  View operator[](std::string_view path) const;

  /// As operator[], empty when there is none.
  std::optional<View> find(std::string_view path) const;

  /// The value: never an interpolation; a map or list may still hold some. Throws ConfigError when
  /// the interpolation cannot be resolved.
  const Node& node() const;

  /// The value as written: an interpolation stays one.
  const Node& written() const;

  /// A copy with every interpolation below resolved.
  Node resolved() const;

  /// Full dotted key, "" at the root.
  std::string key() const;

  /// Views of the entries of a map or list, in order; empty for other values.
  std::vector<View> children() const;

 private:
  View(std::shared_ptr<Evaluator> evaluator, const Place* place);

  std::shared_ptr<Evaluator> evaluator_;
  const Place* place_;
};

/// The whole tree with every interpolation resolved; one that leads to `???` is `???`. Throws
/// ConfigError naming the key that cannot be resolved.
Node resolve(const Node& root, const Node* hydra_root = nullptr);

}  // namespace chitu::config
