#include "chitu_core/config/override/edit.h"

#include <algorithm>
#include <range/v3/view/take.hpp>

#include "chitu_core/common/expected.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/config/interpolate/evaluate.h"
#include "chitu_core/config/override/merge.h"
#include "chitu_core/config/value/error.h"
#include "chitu_core/config/value/text.h"

namespace chitu::config {
namespace {

namespace rv = ranges::views;

/// Equal as Python compares: 1, 1.0 and true are the same number.
bool loosely_equal(const Node& a, const Node& b) {
  const auto number = [](const Node& node) -> std::optional<double> {
    if (node.kind() == Kind::boolean) return node.as_bool() ? 1 : 0;
    if (node.kind() == Kind::integer || node.kind() == Kind::real) return node.as_real();
    return std::nullopt;
  };
  if (number(a) && number(b)) return *number(a) == *number(b);
  if (a.is_list() && b.is_list())
    return std::equal(a.list().begin(), a.list().end(), b.list().begin(), b.list().end(),
                      loosely_equal);
  if (a.is_map() && b.is_map()) {
    if (a.map().size() != b.map().size()) return false;
    return std::all_of(a.map().begin(), a.map().end(), [&](const Entry& entry) {
      const Node* other = b.map().find(entry.key);
      return other && loosely_equal(entry.value, *other);
    });
  }
  return a == b;
}

class Edit {
 public:
  Edit(Node& root, const Override& given, bool new_keys)
      : root_(root), given_(given), new_keys_(new_keys) {}

  void run() {
    if (given_.key.empty()) fail("the key is missing");
    if (given_.package)
      fail("looks like the choice of a group, but there is no group '" + given_.key + "'");
    parts_ = split_path(given_.key);
    switch (given_.type) {
      case OverrideType::change:
        set(false);
        break;
      case OverrideType::add:
        refuse_taken();
        set(true);
        break;
      case OverrideType::force_add:
        set(true);
        break;
      case OverrideType::remove:
        remove();
    }
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const {
    throw ConfigError(given_.text + ": " + problem);
  }

  /// The key of the node that holds this part.
  std::string key_above(std::size_t part) const {
    std::string key;
    for (const std::string& above : parts_ | rv::take(part)) key = join_path(key, above);
    return key;
  }

  /// Throws "could not override", with the keys near to the missing one.
  [[noreturn]] void no_such_key(const Node& parent, std::size_t part) const {
    std::string message = "could not override '" + given_.key + "'";
    const std::string known = key_above(part);
    if (parent.is_map()) {
      const std::string key = join_path(known, parts_[part]);
      const auto keys = keys_of(parent, known);
      message += ", there is no key '" + key + "'";
      message += new_keys_ ? did_you_mean(key, keys) : near_or_all(key, keys);
    } else if (parent.is_list()) {
      const std::size_t size = parent.list().size();
      message +=
          ", '" + known + "' is a list" +
          (size == 0 ? " without items" : " with the indices 0 to " + std::to_string(size - 1)) +
          ", got '" + parts_[part] + "'";
    } else {
      message += ", '" + known + "' is " + show(parent);
    }
    fail(message + (new_keys_ ? "; to append to your config use +" + given_.text : ""));
  }

  static Node* child(Node& parent, const std::string& key) {
    if (parent.is_map()) return parent.map().find(key);
    if (!parent.is_list()) return nullptr;
    const std::size_t index = list_index(key, parent.list().size());
    return index == parent.list().size() ? nullptr : &parent.list()[index];
  }

  void set(bool add) {
    Node* parent = &root_;
    for (std::size_t i = 0; i + 1 < parts_.size(); ++i) {
      Node* next = child(*parent, parts_[i]);
      if (!next || !next->is_container()) {
        if (!add || parent->is_list()) no_such_key(next ? *next : *parent, next ? i + 1 : i);
        next = &parent->map().set(parts_[i], Node(Map()).at_origin(given_.origin));
      }
      parent = next;
    }
    const std::string& key = parts_.back();
    const Node value = with_origin(given_.config_value());
    Node* old = child(*parent, key);
    if (!old && (!add || !parent->is_map())) no_such_key(*parent, parts_.size() - 1);
    try {
      if (!old)
        parent->map().set(key, value);
      else if (old->is_container() && value.is_container())
        merge(*old, value, root_, add ? Struct::open : Struct::closed, given_.key);
      else
        *old = value;
    } catch (const ConfigError& error) {
      throw ConfigError(std::string(error.what()).starts_with(given_.text)
                            ? error.what()
                            : given_.text + ": " + error.what());
    }
  }

  Node with_origin(Node node) const {
    node.at_origin(given_.origin);
    if (node.is_map()) {
      for (Entry& entry : node.map()) {
        if (entry.key.kind == Kind::null) fail("a key must not be null");
        entry.value = with_origin(std::move(entry.value));
        entry.origin = given_.origin;
      }
    } else if (node.is_list()) {
      for (Node& item : node.list()) item = with_origin(std::move(item));
    }
    return node;
  }

  /// The resolved value of the key; empty when there is no such key.
  std::optional<Node> current() const {
    Evaluator evaluator(root_);
    const Place* found = evaluator.find(evaluator.root(), given_.key);
    if (!found) return std::nullopt;
    return evaluator.plain(found);
  }

  void refuse_taken() const {
    if (given_.value.is_container()) return;
    const auto value = current();
    if (!value || value->is_null() || value->is_missing()) return;
    fail("could not append, there is a value at '" + given_.key + "' already: " + show(*value) +
         "; to change it use " + given_.text.substr(1) + ", to add or change it use +" +
         given_.text);
  }

  void remove() {
    Node* parent = &root_;
    for (std::size_t i = 0; i + 1 < parts_.size() && parent; ++i)
      parent = child(*parent, parts_[i]);
    Node* old = parent ? child(*parent, parts_.back()) : nullptr;
    if (!old)
      fail(
          "could not delete, '" + given_.key + "' does not exist" +
          (parent ? did_you_mean(given_.key, keys_of(*parent, key_above(parts_.size() - 1))) : ""));
    if (given_.value_type != ValueType::none && !given_.value.is_null()) {
      const auto value = current();
      if (!value || !loosely_equal(*value, reread(given_.value)))
        fail("could not delete, the value of '" + given_.key + "' is " +
             (value ? show(*value) : "not known") + " and not " + show(given_.value));
    }
    if (parent->is_map())
      parent->map().erase(parts_.back());
    else
      parent->list().erase(parent->list().begin() + (old - parent->list().data()));
  }

  Node& root_;
  const Override& given_;
  bool new_keys_;
  std::vector<std::string> parts_;
};

}  // namespace

void apply_override(Node& root, const Override& given, bool new_keys) {
  Edit(root, given, new_keys).run();
}

}  // namespace chitu::config
