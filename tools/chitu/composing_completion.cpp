#include "tools/chitu/composing_completion.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "chitu_core/common/files.h"
#include "chitu_core/config/compose/completion.h"
#include "pipelines/composition/shipped_configs.h"
#include "pipelines/composition/short_forms.h"
#include "tools/chitu/command_line.h"

namespace chitu::tools {
namespace {

/// The values that config/schema.json lists for a key.
Words listed_values(const std::string& key) {
  const auto schema = nlohmann::json::parse(
      read_file(pipelines::data_folder() / "config" / "schema.json"), nullptr, false);
  const nlohmann::json* node = schema.is_object() ? &schema : nullptr;
  std::size_t start = 0;
  while (node && start <= key.size()) {
    const std::size_t dot = std::min(key.find('.', start), key.size());
    // There may be an object beside the interpolation that gives one.
    if (node->contains("anyOf")) node = &node->at("anyOf").front();
    const std::string name = key.substr(start, dot - start);
    const auto properties = node->find("properties");
    node =
        properties != node->end() && properties->contains(name) ? &properties->at(name) : nullptr;
    start = dot + 1;
  }
  if (node && node->contains("anyOf")) node = &node->at("anyOf").front();
  Words values;
  if (node && node->contains("enum"))
    for (const auto& value : node->at("enum"))
      if (value.is_string()) values.push_back(value.get<std::string>());
  return values;
}

/// A flag whose value is being typed, and the text before it.
struct OpenFlag {
  std::string name, placeholder;  ///< "--explain", "KEY"
  Words before;
};

/// The flag that the last of the words leave open; `--set-str KEY` still waits for a TEXT.
std::optional<OpenFlag> open_flag(const Words& words, const Flags& flags) {
  for (std::size_t given = 0; given < std::min<std::size_t>(words.size(), 2); ++given) {
    const std::size_t at = words.size() - 1 - given;
    const Words names = flags.placeholders(words[at]);
    if (given < names.size())
      return OpenFlag{words[at], names[given],
                      Words(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(at))};
  }
  return std::nullopt;
}

/// Overrides that begin as typed, without the equals sign: only keys.
Words keys_of(const Words& overrides) {
  Words keys;
  for (std::string text : overrides) {
    if (text.find('/') != std::string::npos) continue;  // a group
    if (text.ends_with('=')) text.pop_back();
    // "output." and, of the group, "output=" are one key.
    const bool known = !keys.empty() && (keys.back() == text || keys.back() == text + ".");
    if (!known) keys.push_back(text);
  }
  return keys;
}

/// The primary configs that the folders of --config-path and --config-dir, or the shipped one,
/// hold.
Words config_names(const config::ComposeRequest& request) {
  Words names;
  for (const auto& folder : request.search_path) {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path, ignored))
      if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
  }
  return names;
}

/// The command line being typed.
struct Line {
  const Flags& flags;  ///< write into `options`
  ComposeFlags& options;
  ConfigTrees trees;

  /// What the complete words compose.
  config::ComposeRequest request(const Words& words) const {
    flags.parse(words, options.overrides);
    return compose_request(options, trees);
  }
};

Words complete_value(const OpenFlag& flag, const std::string& typed, const Line& line) {
  if (flag.placeholder == "KEY")
    return keys_of(config::complete_override(line.request(flag.before), typed));
  if (flag.placeholder == "NAME")
    return starting_with(config_names(line.request(flag.before)), typed);
  return starting_with(line.flags.choices(flag.name), typed);
}

Words with_prefix(const std::string& prefix, Words words) {
  for (std::string& word : words) word.insert(0, prefix);
  return words;
}

Words complete_flag(const Words& words, const std::string& typed, const Line& line) {
  const std::size_t equals = typed.find('=');
  if (equals == std::string::npos) return starting_with(line.flags.names(), typed);
  Words flagged = words;
  flagged.push_back(typed.substr(0, equals));
  const auto flag = open_flag(flagged, line.flags);
  if (!flag || flag->name != flagged.back()) return {};
  return with_prefix(typed.substr(0, equals + 1),
                     complete_value(*flag, typed.substr(equals + 1), line));
}

/// Short forms of the keys of a request.
Words complete_short_form(const std::string& typed) {
  Words forms;
  if (typed.empty()) return forms;
  for (const std::string& form : pipelines::short_forms())
    if (form.starts_with(typed)) forms.push_back(form + "=");
  return forms;
}

}  // namespace

Words complete_composing(const Flags& flags, ComposeFlags& options, ConfigTrees trees,
                         const Words& before, const std::string& typed) {
  const Line line{flags, options, trees};
  if (const auto flag = open_flag(before, flags)) {
    const bool optional = flag->placeholder.starts_with('[');
    if (!optional || !typed.starts_with('-')) return complete_value(*flag, typed, line);
  }
  if (typed.starts_with('-')) return complete_flag(before, typed, line);
  Words found = config::complete_override(line.request(before), typed, listed_values);
  const Words forms = complete_short_form(typed);
  found.insert(found.end(), forms.begin(), forms.end());
  return found;
}

}  // namespace chitu::tools
