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

/// A value of a configuration, resolved when it is read. The tree must outlive it.
class View {
 public:
  /// The root of a tree. `hydra_root` is what `${hydra:...}` reads, null for none.
  View(const Node& root, const Node* hydra_root = nullptr);  // NOLINT: implicit on purpose

  /// The value at a dotted path below this one. Throws ConfigError, with the nearest key, when
  /// there is none.
  View operator[](std::string_view path) const;

  /// As operator[], empty when there is none.
  std::optional<View> find(std::string_view path) const;

  /// The value, resolved; a map or list may still contain interpolations. Throws ConfigError when
  /// the interpolation cannot be resolved.
  const Node& node() const;

  /// The value as written: an interpolation stays one.
  const Node& written() const;

  /// A copy with every interpolation below resolved.
  Node resolved() const;

  /// Full dotted key, "" at the root.
  std::string key() const;

  /// The children of a map or list, in order; empty for scalars.
  std::vector<View> children() const;

 private:
  View(std::shared_ptr<Evaluator> evaluator, const Place* place);

  std::shared_ptr<Evaluator> evaluator_;
  const Place* place_;
};

/// A copy of the tree with every interpolation resolved; one that refers to `???` becomes `???`.
/// Throws ConfigError with the key that cannot be resolved.
Node resolve(const Node& root, const Node* hydra_root = nullptr);

}  // namespace chitu::config
