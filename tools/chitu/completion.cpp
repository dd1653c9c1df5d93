#include "tools/chitu/completion.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/config/compose/completion.h"
#include "tools/chitu/command_flags.h"
#include "tools/chitu/command_line.h"

namespace chitu::tools {
namespace {

using Words = std::vector<std::string>;

// Readline sets the word apart at = and :, so what stands before the last of them is not given
// back.
constexpr const char* kBash = R"script(_chitu_complete() {
  local line=${COMP_LINE:0:COMP_POINT} token before candidate
  token=${line##* }
  before=${token%"${token##*[=:]}"}
  COMPREPLY=()
  while IFS= read -r candidate; do
    COMPREPLY+=("${candidate#"$before"}")
  done < <(COMP_LINE=$line "$1" --shell-completion query=bash 2>/dev/null)
  if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=./] ]]; then compopt -o nospace; fi
}
complete -o bashdefault -o default -F _chitu_complete chitu
)script";

constexpr const char* kZsh = R"script(_chitu_complete() {
  local candidate
  local -a whole open
  for candidate in ${(f)"$(COMP_LINE=${(pj: :)words[1,CURRENT]} ${words[1]} --shell-completion query=zsh 2>/dev/null)"}; do
    if [[ $candidate == *[=./] ]]; then open+=($candidate); else whole+=($candidate); fi
  done
  (( ${#open} )) && compadd -S '' -- $open
  (( ${#whole} )) && compadd -- $whole
  (( ${#open} + ${#whole} )) || _files
}
compdef _chitu_complete chitu
)script";

constexpr const char* kFish = R"script(function __chitu_complete
    env COMP_LINE=(commandline --current-process --cut-at-cursor | string collect) chitu --shell-completion query=fish 2>/dev/null
end
complete --command chitu --arguments '(__chitu_complete)'
)script";

/// The words of a line, quotes taken away; the last one is what is being typed, perhaps empty.
Words split(const std::string& line) {
  Words words{""};
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote && c == quote)
      quote = 0;
    else if (quote)
      words.back() += c;
    else if (c == '"' || c == '\'')
      quote = c;
    else if (c == '\\' && i + 1 < line.size())
      words.back() += line[++i];
    else if (c != ' ')
      words.back() += c;
    else if (!words.back().empty())
      words.emplace_back();
  }
  return words;
}

/// The values that config/schema.json lists for a key.
Words listed_values(const std::string& key) {
  const auto schema =
      nlohmann::json::parse(read_file(data_folder() / "config" / "schema.json"), nullptr, false);
  const nlohmann::json* node = schema.is_object() ? &schema : nullptr;
  std::size_t start = 0;
  while (node && start <= key.size()) {
    const std::size_t dot = std::min(key.find('.', start), key.size());
    // An object may stand beside the interpolation that gives one.
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

const std::map<std::string, Subcommand> kComposing{{"config", Subcommand::config},
                                                   {"run", Subcommand::run},
                                                   {"graph", Subcommand::graph},
                                                   {"plan", Subcommand::plan}};
/// The flags of the subcommands that compose nothing, and the values to offer for each.
const std::map<std::string, std::map<std::string, Words>> kOther{
    {"calibrate",
     {{"--device", {"auto", "cpu", "cuda"}}, {"--disk", {}}, {"--force", {}}, {"--help", {}}}},
    {"info", {{"--help", {}}}},
    {"tokenize", {{"--ckpt-dir", {}}, {"--help", {}}}}};

Words starting_with(const Words& candidates, const std::string& word) {
  Words found;
  for (const std::string& candidate : candidates)
    if (candidate.starts_with(word)) found.push_back(candidate);
  std::sort(found.begin(), found.end());
  return found;
}

Words complete_other(const std::map<std::string, Words>& flags, const Words& words,
                     const std::string& typed) {
  const auto flag = words.empty() ? flags.end() : flags.find(words.back());
  if (flag != flags.end() && !flag->second.empty()) return starting_with(flag->second, typed);
  Words names;
  for (const auto& [name, values] : flags) names.push_back(name);
  return typed.starts_with('-') ? starting_with(names, typed) : Words();
}

/// A flag whose value is being typed, and what stands before it.
struct OpenFlag {
  std::string name, placeholder;  ///< "--explain", "KEY"
  Words before;
};

/// The flag that the last of the words leave open; `--set-str KEY` still waits for a TEXT.
std::optional<OpenFlag> open_flag(const Words& words, Subcommand subcommand) {
  for (std::size_t given = 0; given < std::min<std::size_t>(words.size(), 2); ++given) {
    const std::size_t at = words.size() - 1 - given;
    const Words names = flag_placeholders(words[at], subcommand);
    if (given < names.size())
      return OpenFlag{words[at], names[given],
                      Words(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(at))};
  }
  return std::nullopt;
}

/// Overrides that begin as typed, without the equals sign: keys alone.
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

Words complete_value(const OpenFlag& flag, const std::string& typed, Subcommand subcommand) {
  if (flag.placeholder == "KEY") {
    const auto request = compose_request(parse_flags(flag.before, subcommand), subcommand);
    return keys_of(config::complete_override(request, typed));
  }
  if (flag.placeholder == "NAME") {
    const auto request = compose_request(parse_flags(flag.before, subcommand), subcommand);
    return starting_with(config_names(request), typed);
  }
  return starting_with(flag_values(flag.name, subcommand).value_or(Words()), typed);
}

Words with_prefix(const std::string& prefix, Words words) {
  for (std::string& word : words) word.insert(0, prefix);
  return words;
}

Words complete_flag(const Words& words, const std::string& typed, Subcommand subcommand) {
  const std::size_t equals = typed.find('=');
  if (equals == std::string::npos) return starting_with(flag_names(subcommand), typed);
  Words flagged = words;
  flagged.push_back(typed.substr(0, equals));
  const auto flag = open_flag(flagged, subcommand);
  if (!flag || flag->name != flagged.back()) return {};
  return with_prefix(typed.substr(0, equals + 1),
                     complete_value(*flag, typed.substr(equals + 1), subcommand));
}

Words subcommand_names() {
  Words names;
  for (const auto& [name, flags] : kOther) names.push_back(name);
  for (const auto& [name, subcommand] : kComposing) names.push_back(name);
  return names;
}

Words complete_words(Words words) {
  const std::string typed = words.back();
  words.pop_back();
  words.erase(words.begin());  // the program
  Words names;
  if (words.empty()) names = starting_with(subcommand_names(), typed);
  Subcommand subcommand = Subcommand::run;
  if (!words.empty() && kOther.contains(words.front()))
    return complete_other(kOther.at(words.front()), words, typed);
  if (!words.empty() && kComposing.contains(words.front())) {
    subcommand = kComposing.at(words.front());
    words.erase(words.begin());
  }
  if (const auto flag = open_flag(words, subcommand)) {
    const bool optional = flag->placeholder.starts_with('[');
    if (!optional || !typed.starts_with('-')) return complete_value(*flag, typed, subcommand);
  }
  if (typed.starts_with('-')) return complete_flag(words, typed, subcommand);
  const auto request = compose_request(parse_flags(words, subcommand), subcommand);
  const Words overrides = config::complete_override(request, typed, listed_values);
  names.insert(names.end(), overrides.begin(), overrides.end());
  if (typed.empty()) return names;
  for (const std::string& form : short_forms())
    if (form.starts_with(typed)) names.push_back(form + "=");
  return names;
}

}  // namespace

std::vector<std::string> complete_line(const std::string& line) {
  try {
    const Words words = split(line);
    return words.size() < 2 ? Words() : complete_words(words);
  } catch (const std::exception&) {
    return {};
  }
}

void completion_command(const Words& arguments, std::ostream& out) {
  const std::map<std::string, const char*> shells{{"bash", kBash}, {"fish", kFish}, {"zsh", kZsh}};
  const std::string what = arguments.size() == 1 ? arguments[0] : "";
  const std::size_t equals = std::min(what.find('='), what.size());
  const std::string action = what.substr(0, equals);
  const auto shell = equals < what.size() ? shells.find(what.substr(equals + 1)) : shells.end();
  if ((action != "install" && action != "query") || shell == shells.end())
    throw InputError("--shell-completion " + join(arguments, " ") +
                     ": expected install=SHELL or query=SHELL with bash, zsh or fish");
  if (action == "install") {
    out << shell->second;
    return;
  }
  const char* line = std::getenv("COMP_LINE");
  for (const std::string& candidate : complete_line(line ? line : "")) out << candidate << '\n';
}

}  // namespace chitu::tools
