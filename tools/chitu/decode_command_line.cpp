#include "tools/chitu/decode_command_line.h"

#include "chitu_core/common/error.h"
#include "tools/chitu/command_line.h"

namespace chitu::tools {
namespace fs = std::filesystem;

namespace {

bool is_override(const std::string& word) {
  return word.find('=') != std::string::npos || word.starts_with('~');
}

/// The key of an override, in full: "request.seed" of "+seed=1".
std::string full_key(const std::string& override) {
  const std::string full = expand_short_form(override);
  const std::size_t begin = full.find_first_not_of("+~");
  return begin == std::string::npos ? "" : full.substr(begin, full.find('=') - begin);
}

bool is_of_request(const std::string& override) {
  const std::string key = full_key(override);
  return key == "request" || key.starts_with("request.") || key.starts_with("request@");
}

}  // namespace

fs::path take_latents(std::vector<std::string>& words) {
  std::vector<std::string> files;
  for (const std::string& word : words)
    if (!is_override(word)) files.push_back(word);
  std::erase_if(words, [](const std::string& word) { return !is_override(word); });
  if (files.empty())
    throw InputError(
        "chitu decode: expected a file of latents, such as "
        "outputs/<date>/<time>/latents.safetensors");
  if (files.size() > 1)
    throw InputError("chitu decode: expected one file of latents, got " + files[0] + " and " +
                     files[1]);
  return fs::absolute(files.front());
}

void check_decode_overrides(const std::vector<std::string>& overrides) {
  for (const std::string& override : overrides)
    if (is_of_request(override))
      throw InputError(override +
                       ": the request comes with the latents; expected overrides of "
                       "model, infer, memory, device or output");
}

}  // namespace chitu::tools
