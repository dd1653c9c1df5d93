#include "chitu_core/config/interpolate/evaluate.h"

#include <algorithm>
#include <range/v3/view/enumerate.hpp>
#include <range/v3/view/zip.hpp>

#include "chitu_core/common/nearest.h"
#include "chitu_core/config/interpolate/calls.h"
#include "chitu_core/config/value/limits.h"
#include "chitu_core/config/value/text.h"

namespace chitu::config {
namespace {

namespace rv = ranges::views;

const Place* nearest_root(const Place* place) {
  while (place->parent) place = place->parent;
  return place;
}

[[noreturn]] void not_found(const Place* place, const std::string& key, const std::string& path) {
  throw ResolutionError(
      "key " + path + " not found" +
      (place->node->is_map()
           ? did_you_mean(key, keys_of(*place->node))
           : ", the list has " + std::to_string(place->node->list().size()) + " items"));
}

}  // namespace

/// Marks a node as being resolved, for its lifetime. Throws when the node is marked already.
struct Evaluator::Active {
  Active(std::vector<const Node*>& stack, const Node* node, const char* problem) : nodes(stack) {
    if (std::find(nodes.begin(), nodes.end(), node) != nodes.end()) throw ResolutionError(problem);
    if (nodes.size() >= kMaxDepth)
      throw ResolutionError("interpolations are nested deeper than " + std::to_string(kMaxDepth) +
                            " levels");
    nodes.push_back(node);
  }
  ~Active() { nodes.pop_back(); }
  Active(const Active&) = delete;
  std::vector<const Node*>& nodes;
};

Evaluator::Evaluator(const Node& root, EvaluateOptions options) : options_(std::move(options)) {
  root_ = add({&root, nullptr, nullptr, 0});
}

const Place* Evaluator::add(Place place) {
  places_.push_back(place);
  return &places_.back();
}

const Place* Evaluator::own(Node node, const Place* parent, const Place* like) {
  node.at_origin(like->node->origin());
  owned_.push_back(std::move(node));
  return add({&owned_.back(), parent, like->key, like->index});
}

const Place* Evaluator::child(const Place* parent, const Key& key, const Node& node) {
  return add({&node, parent, &key, 0});
}
const Place* Evaluator::child(const Place* parent, std::size_t index, const Node& node) {
  return add({&node, parent, nullptr, index});
}

const Place* Evaluator::child(const Place* parent, std::string_view key) {
  const Node& node = *parent->node;
  if (node.is_list()) {
    if (!read_integer(key)) throw ResolutionError("a list takes an index, got " + std::string(key));
    const std::size_t index = list_index(key, node.list().size());
    return index == node.list().size() ? nullptr : child(parent, index, node.list()[index]);
  }
  const Entry* entry = node.map().find_entry(key);
  return entry ? child(parent, entry->key, entry->value) : nullptr;
}

std::string Evaluator::full_key(const Place* place) {
  std::vector<std::string> parts;
  for (; place && place->parent; place = place->parent)
    parts.push_back(place->key ? place->key->text : "[" + std::to_string(place->index) + "]");
  std::string key;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part)
    key += (key.empty() || part->starts_with('[') ? "" : ".") + *part;
  return key;
}

void Evaluator::spend(std::size_t work) {
  spent_ += work;
  if (spent_ > kMaxResolvedNodes)
    throw ResolutionError("the interpolations expand to more than " +
                          std::to_string(kMaxResolvedNodes) + " values");
}

const Place* Evaluator::dereference(const Place* place) {
  if (!place->node->is_interpolation()) return place;
  // The error names the innermost interpolation that fails; outer ones add nothing.
  const bool outermost = active_.empty() && depth_ == 0;
  try {
    return resolve(place);
  } catch (const MissingValueError& error) {
    if (!outermost) throw;
    throw MissingValueError(place->node->origin(), full_key(place),
                            "cannot resolve " + place->node->text() + ": " + error.what());
  } catch (const ConfigError& error) {
    if (!outermost) throw;
    throw ResolutionError(place->node->origin(), full_key(place),
                          "cannot resolve " + place->node->text() + ": " + error.what());
  }
}

const Place* Evaluator::resolve(const Place* place) {
  const Active active(active_, place->node, "the interpolation refers to itself (a cycle)");
  spend(1);
  const Expression expression = parse_interpolation(place->node->text());
  return run(expression, place);
}

const Place* Evaluator::run(const Expression& expression, const Place* at) {
  if (expression.type == Expression::Type::text && expression.parts.size() == 1)
    return run(expression.parts[0], at);
  if (expression.type == Expression::Type::reference) return reference(expression, at);
  if (expression.type == Expression::Type::call) return Calls(*this, at).run(expression);
  return own(value_of(expression, at), at->parent, at);
}

Node Evaluator::value_of(const Expression& expression, const Place* at) {
  spend(1);
  switch (expression.type) {
    case Expression::Type::literal:
      return expression.value;
    case Expression::Type::text:
      return text_of(expression, at);
    case Expression::Type::reference:
    case Expression::Type::call: {
      const Place* target = run(expression, at);
      return target->node->is_container() ? plain(target) : *target->node;
    }
    case Expression::Type::list: {
      List items;
      for (const Expression& argument : expression.arguments)
        items.push_back(value_of(argument, at));
      return Node(std::move(items));
    }
    case Expression::Type::map: {
      Map entries;
      for (const auto& [key, argument] : rv::zip(expression.keys, expression.arguments))
        entries.set(key, value_of(argument, at));
      return Node(std::move(entries));
    }
  }
  return Node();
}

Node Evaluator::text_of(const Expression& expression, const Place* at) {
  std::string text;
  for (const Expression& part : expression.parts) {
    // A map or list inside a string is printed unresolved, as OmegaConf does.
    const bool computed =
        part.type == Expression::Type::reference || part.type == Expression::Type::call;
    text += computed ? python_text(*run(part, at)->node) : python_text(value_of(part, at));
    if (text.size() > kMaxTextBytes)
      throw ResolutionError("the string is longer than " + std::to_string(kMaxTextBytes >> 20) +
                            " MiB");
    spend(text.size() >> 8);
  }
  return Node::literal(std::move(text));
}

std::string Evaluator::name_of(const Expression& part, const Place* at, std::string_view what) {
  if (part.type == Expression::Type::literal) return part.value.text();
  const Node value = value_of(part, at);
  if (!value.is_string())
    throw ResolutionError(std::string(what) + " must be a string, but " + part.source + " is " +
                          show(value));
  return value.text();
}

const Place* Evaluator::reference(const Expression& expression, const Place* at) {
  std::string path;
  for (const Expression& part : expression.parts)
    path = join_path(path, name_of(part, at, "a key of a path"));
  // Joined before it is split: a nested interpolation may give several keys.
  const Place* target = select(at->parent, std::string(expression.dots, '.') + path);
  refuse_ancestor(at, target);
  return target;
}

void Evaluator::refuse_ancestor(const Place* at, const Place* target) const {
  for (const Place* place = at->parent; place; place = place->parent)
    if (place->node == target->node)
      throw ResolutionError("the interpolation refers to a parent of its own (a cycle)");
}

const Place* Evaluator::walk(const Place* from, const std::vector<std::string>& keys,
                             const std::string& path, bool must_exist) {
  const Place* place = from;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (i > 0) {
      if (place->node->is_missing()) {
        if (must_exist) throw MissingValueError(full_key(place) + " is ???");
        return nullptr;
      }
      place = dereference(place);
      if (!place->node->is_container()) {
        if (!must_exist) return nullptr;
        throw ResolutionError("in " + path + ", " + full_key(place) + " is " + show(*place->node) +
                              " and has no key " + keys[i]);
      }
    }
    const Place* next = child(place, keys[i]);
    if (!next) {
      if (must_exist) not_found(place, keys[i], path);
      return nullptr;
    }
    place = next;
  }
  if (!place->node->is_missing()) return dereference(place);
  if (must_exist) throw MissingValueError(full_key(place) + " is ???");
  return place;
}

const Place* Evaluator::look_up(const Place* container, std::string_view path, bool must_exist) {
  const Place* from = nearest_root(container);
  if (path.starts_with('.')) {
    from = container;
    path.remove_prefix(1);
    while (path.starts_with('.')) {
      path.remove_prefix(1);
      from = from->parent;
      if (!from) throw ResolutionError("the path goes above the root");
    }
  }
  if (path.empty()) return from;
  return walk(from, split_path(path), std::string(path), must_exist);
}

const Place* Evaluator::select(const Place* container, std::string_view path) {
  return look_up(container, path, true);
}

const Place* Evaluator::find(const Place* container, std::string_view path) {
  return look_up(container, path, false);
}

Node Evaluator::plain(const Place* place) {
  spend(1);
  if (place->node->is_interpolation()) {
    try {
      const Place* target = dereference(place);
      return plain(target);
    } catch (const MissingValueError&) {
      return Node("???").at_origin(place->node->origin());
    }
  }
  const Node& node = *place->node;
  if (!node.is_container()) return node;
  const Active expanding(expanding_, &node,
                         "a map or list contains itself through interpolations (a cycle)");
  if (node.is_list()) {
    List items;
    items.reserve(node.list().size());
    for (const auto& [i, item] : rv::enumerate(node.list()))
      items.push_back(plain(child(place, i, item)));
    return Node(std::move(items)).at_origin(node.origin());
  }
  Map entries;
  for (const Entry& entry : node.map()) {
    entries.set(entry.key, plain(child(place, entry.key, entry.value)));
    (entries.end() - 1)->origin = entry.origin;
  }
  return Node(std::move(entries)).at_origin(node.origin());
}

Node Evaluator::evaluate(std::string_view text, const Place* container) {
  const Place* place = own(Node(text), container, container);
  return plain(place);
}

}  // namespace chitu::config
