#include "tools/chitu/kept_latents.h"

#include <algorithm>
#include <string_view>

#include "chitu_core/common/shell_text.h"

namespace chitu::tools {
namespace fs = std::filesystem;

namespace {

bool is_of_request(const std::string& override) {
  const std::size_t begin = override.find_first_not_of("+~");
  const std::string_view key = std::string_view(override).substr(std::min(begin, override.size()));
  return key.starts_with("request.") || key.starts_with("request=") || key.starts_with("request@");
}

}  // namespace

std::string decode_command(const fs::path& latents, const std::vector<std::string>& flags,
                           const std::vector<std::string>& overrides) {
  std::vector<std::string> words{"chitu", "decode", latents.string()};
  words.insert(words.end(), flags.begin(), flags.end());
  for (const std::string& override : overrides)
    if (!is_of_request(override)) words.push_back(override);
  words.push_back("hydra.run.dir=" + latents.parent_path().string());
  return shell_line(words);
}

}  // namespace chitu::tools
