#include "tools/chitu/command_line.h"

#include <string_view>

#include "chitu_core/common/nearest.h"
#include "chitu_core/common/utf8.h"
#include "pipelines/composition/shipped_configs.h"
#include "pipelines/composition/short_forms.h"
#include "tools/chitu/console.h"

namespace chitu::tools {

std::string request_hint(const std::string& message, const std::vector<std::string>& overrides) {
  for (const char* key : {"prompt", "negative_prompt"}) {
    if (message.find(std::string("Ambiguous value for argument 'request.") + key) ==
        std::string::npos)
      continue;
    const std::string flag = std::string_view(key) == "prompt" ? "--prompt" : "--negative-prompt";
    return "; to have the text taken as it is, write " + flag + " TEXT";
  }
  for (const std::string& override : overrides) {
    const std::string key(pipelines::key_of_override(override));
    const bool bare = !key.empty() && key.find_first_of("./@") == std::string::npos;
    const bool is_about = message.find("'" + key + "'") != std::string::npos ||
                          message.find(override + ": unknown key") != std::string::npos;
    if (!bare || pipelines::is_short_form(key) || !is_about) continue;
    if (const auto near = nearest(key, pipelines::short_forms(), 1); !near.empty())
      return ". Did you mean " + near.front() + "=... (short for request." + near.front() + ")?";
  }
  return "";
}

config::ComposeRequest compose_request(const ComposeFlags& flags, ConfigTrees trees) {
  ConfigFolders folders = find_config_folders(flags, trees, pipelines::data_folder() / "config");
  config::ComposeRequest request;
  request.search_path = std::move(folders.search_path);
  request.config_name = std::move(folders.config_name);
  for (const std::string& override : flags.overrides)
    request.overrides.push_back(folders.with_chitus ? pipelines::expand_short_form(override)
                                                    : override);
  request.texts = flags.texts;
  request.new_keys = !folders.with_chitus;  // a run refuses keys that it does not read
  return request;
}

std::string error_lines(const std::vector<std::string>& errors) {
  std::string lines;
  for (const std::string& error : errors)
    lines += console::label("error") + console::rank_label() + one_line(error) + "\n";
  return lines;
}

}  // namespace chitu::tools
