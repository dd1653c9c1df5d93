#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/config/value/error.h"
#include "chitu_core/config/value/interpolation.h"
#include "chitu_core/config/value/node.h"

namespace chitu::config {

/// An interpolation could not be resolved; what() names the key that holds it and its target.
class ResolutionError : public ConfigError {
 public:
  using ConfigError::ConfigError;
};

/// An interpolation refers to `???`.
class MissingValueError : public ResolutionError {
 public:
  using ResolutionError::ResolutionError;
};

/// A node with its path from the root.
struct Place {
  const Node* node = nullptr;
  const Place* parent = nullptr;
  const Key* key = nullptr;  ///< in a map; null in a list and at the root
  std::size_t index = 0;     ///< in a list
};

struct EvaluateOptions {
  /// The tree that `${hydra:a.b}` reads below its key `hydra`; may be null.
  const Node* hydra_root = nullptr;
  /// Receives the messages of `oc.deprecated`.
  std::function<void(const std::string&)> warn;
};

/// Resolves the interpolations of one tree, which must outlive it. Resolves lazily, detects cycles,
/// and limits depth and work (limits.h).
class Evaluator {
 public:
  explicit Evaluator(const Node& root, EvaluateOptions options = {});
  Evaluator(const Evaluator&) = delete;

  const Place* root() const { return root_; }
  const Place* child(const Place* parent, const Key& key, const Node& node);
  const Place* child(const Place* parent, std::size_t index, const Node& node);

  /// The child with this key, or null. Throws when `parent` is a list and the key is not an index.
  const Place* child(const Place* parent, std::string_view key);

  static std::string full_key(const Place* place);

  /// The place itself, or the one that its interpolation resolves to.
  const Place* dereference(const Place* place);

  /// The resolved place at a path: absolute, or with leading dots relative to `container`. Throws
  /// ResolutionError when there is none, MissingValueError when it is `???`.
  const Place* select(const Place* container, std::string_view path);

  /// As select, but null when there is none; the value may be `???`.
  const Place* find(const Place* container, std::string_view path);

  /// A copy of the subtree with interpolations resolved; one that refers to `???` becomes `???`.
  Node plain(const Place* place);

  /// The value of a text, resolved as if it were in `container`.
  Node evaluate(std::string_view text, const Place* container);

 private:
  friend class Calls;
  struct Active;

  const Place* add(Place place);
  const Place* own(Node node, const Place* parent, const Place* like);
  const Place* resolve(const Place* place);
  const Place* run(const Expression& expression, const Place* at);
  const Place* reference(const Expression& expression, const Place* at);
  Node text_of(const Expression& expression, const Place* at);
  Node value_of(const Expression& expression, const Place* at);
  std::string name_of(const Expression& part, const Place* at, std::string_view what);
  const Place* look_up(const Place* container, std::string_view path, bool must_exist);
  const Place* walk(const Place* from, const std::vector<std::string>& keys,
                    const std::string& path, bool must_exist);
  void refuse_ancestor(const Place* at, const Place* target) const;
  void spend(std::size_t work);

  EvaluateOptions options_;
  std::deque<Place> places_;
  std::deque<Node> owned_;
  std::vector<const Node*> active_;     // interpolations being resolved, outermost first
  std::vector<const Node*> expanding_;  // maps and lists that plain() is copying
  const Place* root_ = nullptr;
  std::size_t spent_ = 0;
  std::size_t depth_ = 0;
};

}  // namespace chitu::config
