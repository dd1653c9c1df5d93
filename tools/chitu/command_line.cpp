#include "tools/chitu/command_line.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "chitu_core/common/error.h"
#include "chitu_core/config/error.h"
#include "chitu_core/config/resolvers.h"

namespace chitu::tools {
namespace fs = std::filesystem;

namespace {

constexpr std::array<std::string_view, 9> kShortForms{
    "prompt",         "negative_prompt",     "width", "height", "num_frames",
    "guidance_scale", "num_inference_steps", "seed",  "fps"};

}  // namespace

std::string expand_short_form(const std::string& override) {
  const std::size_t start = override.find_first_not_of("+~");
  const std::size_t equals = override.find('=');
  if (start == std::string::npos || equals == std::string::npos) return override;
  const std::string_view key = std::string_view(override).substr(start, equals - start);
  if (std::find(kShortForms.begin(), kShortForms.end(), key) == kShortForms.end()) return override;
  return override.substr(0, start) + "request." + override.substr(start);
}

config::ComposeRequest ComposeFlags::request() const {
  config::ComposeRequest request;
  const fs::path primary = config_path.empty() ? data_folder() / "config" : fs::path(config_path);
  if (!fs::is_directory(primary))
    throw InputError("--config-path " + primary.string() + ": no such folder");
  request.search_path.push_back({primary, "main"});
  if (!config_dir.empty()) {
    if (!fs::is_directory(config_dir))
      throw InputError("--config-dir " + config_dir + ": no such folder");
    request.search_path.push_back({config_dir, "command-line"});
  }
  // Configurations of the user's own may build on the groups that chitu ships.
  if (!config_path.empty()) request.search_path.push_back({data_folder() / "config", "chitu"});
  request.config_name = config_name;
  for (const std::string& override : overrides)
    request.overrides.push_back(expand_short_form(override));
  if (prompt) request.texts.emplace_back("request.prompt", *prompt);
  if (negative_prompt) request.texts.emplace_back("request.negative_prompt", *negative_prompt);
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
