#include "tools/chitu/command_line.h"

#include <algorithm>
#include <string_view>

#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/config/error.h"
#include "chitu_core/config/resolvers.h"

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
    return "\n4. To have the text taken as it is, write " + flag + " TEXT";
  }
  for (const std::string& override : overrides) {
    const std::string key(key_of(override));
    const bool bare = !key.empty() && key.find_first_of("./@") == std::string::npos;
    if (!bare || is_short_form(key) || message.find("'" + key + "'") == std::string::npos) continue;
    if (const auto near = nearest(key, kShortForms, 1); !near.empty())
      return "\nDid you mean " + near.front() + "=... (short for request." + near.front() + ")?";
  }
  return "";
}

config::ComposeRequest compose_request(const CommandFlags& flags, Subcommand subcommand) {
  for (const auto& [flag, folder] :
       {std::pair("--config-path ", flags.config_path), {"--config-dir ", flags.config_dir}})
    if (folder && !fs::is_directory(*folder)) throw InputError(flag + *folder + ": no such folder");

  const bool only_prints = subcommand == Subcommand::config;
  const bool own_tree = only_prints && (flags.config_path || flags.config_dir);
  const bool by_itself = own_tree && !flags.config_path;
  config::ComposeRequest request;
  if (!by_itself)
    request.search_path.push_back(
        {flags.config_path ? fs::path(*flags.config_path) : data_folder() / "config", "main"});
  if (flags.config_dir)
    request.search_path.push_back({*flags.config_dir, by_itself ? "main" : "command-line"});
  // Configurations of the user's own may build on the groups that chitu ships.
  if (flags.config_path && !only_prints)
    request.search_path.push_back({data_folder() / "config", "chitu"});
  request.config_name = flags.config_name.value_or(own_tree ? "" : "chitu");
  for (const std::string& override : flags.overrides)
    request.overrides.push_back(own_tree ? override : expand_short_form(override));
  request.texts = flags.texts;
  return request;
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
    throw Error("cannot find the folder config/ that comes with chitu above " + self.string());
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
