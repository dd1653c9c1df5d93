#include "tools/chitu/command_line.h"

#include <algorithm>
#include <string_view>

#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/common/utf8.h"
#include "chitu_core/config/interpolate/resolvers.h"
#include "chitu_core/config/value/error.h"

namespace chitu::tools {
namespace fs = std::filesystem;

namespace {

const std::vector<std::string> kShortForms{
    "prompt",         "negative_prompt",     "width", "height", "num_frames",
    "guidance_scale", "num_inference_steps", "seed",  "fps"};

/// The key of `key=value`, without + and ~; empty when there is no `=`.
std::string_view key_of(std::string_view override) {
  const std::size_t start = override.find_first_not_of("+~");
  const std::size_t equals = override.find('=');
  if (start == std::string_view::npos || equals == std::string_view::npos) return {};
  return override.substr(start, equals - start);
}

bool is_short_form(std::string_view key) {
  return std::find(kShortForms.begin(), kShortForms.end(), key) != kShortForms.end();
}

}  // namespace

const std::vector<std::string>& short_forms() { return kShortForms; }

std::string expand_short_form(const std::string& override) {
  if (!is_short_form(key_of(override))) return override;
  const std::size_t start = override.find_first_not_of("+~");
  return override.substr(0, start) + "request." + override.substr(start);
}

std::string request_hint(const std::string& message, const std::vector<std::string>& overrides) {
  for (const char* key : {"prompt", "negative_prompt"}) {
    if (message.find(std::string("Ambiguous value for argument 'request.") + key) ==
        std::string::npos)
      continue;
    const std::string flag = std::string_view(key) == "prompt" ? "--prompt" : "--negative-prompt";
    return "; to have the text taken as it is, write " + flag + " TEXT";
  }
  for (const std::string& override : overrides) {
    const std::string key(key_of(override));
    const bool bare = !key.empty() && key.find_first_of("./@") == std::string::npos;
    if (!bare || is_short_form(key) || message.find("'" + key + "'") == std::string::npos) continue;
    if (const auto near = nearest(key, kShortForms, 1); !near.empty())
      return ". Did you mean " + near.front() + "=... (short for request." + near.front() + ")?";
  }
  return "";
}

config::ComposeRequest compose_request(const ComposeFlags& flags, ConfigTrees trees) {
  ConfigFolders folders = find_config_folders(flags, trees, data_folder() / "config");
  config::ComposeRequest request;
  request.search_path = std::move(folders.search_path);
  request.config_name = std::move(folders.config_name);
  for (const std::string& override : flags.overrides)
    request.overrides.push_back(folders.with_chitus ? expand_short_form(override) : override);
  request.texts = flags.texts;
  request.new_keys = !folders.with_chitus;  // a run refuses keys that it does not read
  return request;
}

std::string error_lines(const std::vector<std::string>& errors) {
  std::string lines;
  for (const std::string& error : errors) lines += "error: " + one_line(error) + "\n";
  return lines;
}

fs::path data_folder() {
  static const fs::path found = [] {
    std::error_code error;
    const fs::path self = fs::read_symlink("/proc/self/exe", error);
    for (fs::path above = self.parent_path(); above.has_relative_path();
         above = above.parent_path()) {
      for (const fs::path& folder : {above, above / "share" / "chitu"})
        if (fs::exists(folder / "config" / "chitu.yaml")) return folder;
    }
    throw Error("cannot find chitu's folder config/ above " + self.string());
  }();
  return found;
}

void register_chitu_resolver() {
  config::register_resolver(
      "chitu",
      [](const config::ResolverCall& call) {
        const std::string name = call.arguments.size() == 1 && call.arguments[0].is_string()
                                     ? call.arguments[0].as_string()
                                     : "";
        if (name != "assets" && name != "config")
          throw config::ConfigError("expected ${chitu:assets} or ${chitu:config}");
        return config::Node::literal((data_folder() / name).string());
      },
      config::Caching::by_arguments, true);
}

}  // namespace chitu::tools
