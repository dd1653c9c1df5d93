#include "tools/chitu/subcommand.h"

#include <algorithm>

namespace chitu::tools {

std::string to_text(const std::vector<Subcommand::Example>& examples) {
  std::size_t widest = 0;
  for (const auto& example : examples) widest = std::max(widest, example.command.size());
  std::string text;
  for (const auto& [command, note] : examples) {
    text += "  " + command;
    if (!note.empty()) text += std::string(widest - command.size(), ' ') + "  # " + note;
    text += "\n";
  }
  return text;
}

Words starting_with(const Words& candidates, const std::string& word) {
  Words found;
  for (const std::string& candidate : candidates)
    if (candidate.starts_with(word)) found.push_back(candidate);
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace chitu::tools
