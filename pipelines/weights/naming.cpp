#include "pipelines/weights/naming.h"

namespace chitu::pipelines {

std::string renamed(std::string_view name, std::span<const Renaming> table) {
  for (const auto& [ours, other] : table) {
    if (!name.starts_with(ours)) continue;
    const std::string_view rest = name.substr(ours.size());
    if (rest.empty() || rest.starts_with('.')) return std::string(other).append(rest);
  }
  return std::string(name);
}

}  // namespace chitu::pipelines
