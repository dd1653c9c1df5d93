#include "tools/chitu/own_command.h"

#include <fstream>
#include <vector>

#include "chitu_core/common/shell_text.h"

namespace chitu::tools {

std::string own_command() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');) words.push_back(word);
  return shell_line(words);
}

}  // namespace chitu::tools
