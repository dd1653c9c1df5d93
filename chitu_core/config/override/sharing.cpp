#include "chitu_core/config/override/sharing.h"

#include <unordered_map>

namespace chitu::config {
namespace {

template <class Tree, class Take>
void each_child(Tree& node, Take take) {
  if (node.is_map()) {
    for (auto& entry : node.map()) take(entry.value);
  } else if (node.is_list()) {
    for (auto& item : node.list()) take(item);
  }
}

using Found = std::unordered_map<std::uint32_t, const Node*>;

void collect(const Node& node, Found& found) {
  if (node.identity() != 0) found.emplace(node.identity(), &node);
  each_child(node, [&](const Node& child) { collect(child, found); });
}

void replace(Node& node, const Found& found) {
  const auto now = node.identity() != 0 ? found.find(node.identity()) : found.end();
  if (now != found.end())
    node = Node(*now->second);
  else
    each_child(node, [&](Node& child) { replace(child, found); });
}

}  // namespace

void identify(Node& content, std::uint32_t& next) {
  each_child(content, [&](Node& child) {
    if (child.is_container()) child.set_identity(++next);
    identify(child, next);
  });
}

void forget_identities(Node& content) {
  content.set_identity(0);
  each_child(content, [](Node& child) { forget_identities(child); });
}

void refresh(Node& content, const Node& root) {
  Found found;
  collect(root, found);
  replace(content, found);
}

}  // namespace chitu::config
