#include "tools/chitu/kept_latents.h"

#include <algorithm>
#include <string_view>

#include "chitu_core/common/shell_text.h"

namespace chitu::tools {
namespace fs = std::filesystem;

bool is_of_group(const std::string& override, std::initializer_list<std::string_view> groups) {
  const std::size_t begin = override.find_first_not_of("+~");
  const std::string_view key = std::string_view(override).substr(std::min(begin, override.size()));
  return std::any_of(groups.begin(), groups.end(), [&](std::string_view group) {
    if (!key.starts_with(group)) return false;
    return key.size() == group.size() ||
           std::string_view(".=@").find(key[group.size()]) != std::string_view::npos;
  });
}

std::string decode_command(const fs::path& latents, const std::vector<std::string>& flags,
                           const std::vector<std::string>& overrides) {
  std::vector<std::string> words{"chitu", "decode", latents.string()};
  words.insert(words.end(), flags.begin(), flags.end());
  for (const std::string& override : overrides)
    if (!is_of_group(override, {"request"})) words.push_back(override);
  words.push_back("hydra.run.dir=" + latents.parent_path().string());
  return shell_line(words);
}

}  // namespace chitu::tools
