#include "tools/chitu/kept_latents.h"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace chitu::tools {
namespace fs = std::filesystem;

namespace {

bool is_of_request(const std::string& override) {
  const std::size_t begin = override.find_first_not_of("+~");
  const std::string_view key = std::string_view(override).substr(std::min(begin, override.size()));
  return key.starts_with("request.") || key.starts_with("request=") || key.starts_with("request@");
}

/// The word as a shell reads it back.
std::string quoted(const std::string& word) {
  const auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("-_./=:,+@%~").find(c) != std::string_view::npos;
  };
  if (!word.empty() && std::ranges::all_of(word, plain) && word.front() != '~') return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? "'\\''" : std::string(1, c);
  return text + "'";
}

}  // namespace

std::string decode_command(const fs::path& latents, const std::vector<std::string>& flags,
                           const std::vector<std::string>& overrides) {
  std::string command = "chitu decode " + quoted(latents.string());
  const auto add = [&](const std::string& word) { command += " " + quoted(word); };
  for (const std::string& flag : flags) add(flag);
  for (const std::string& override : overrides)
    if (!is_of_request(override)) add(override);
  add("hydra.run.dir=" + latents.parent_path().string());
  return command;
}

}  // namespace chitu::tools
