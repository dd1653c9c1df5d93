#include "tools/chitu/completion.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/config/completion.h"
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
const Words kOther{"calibrate", "info", "tokenize"};

Words starting_with(const Words& candidates, const std::string& word) {
  Words found;
  for (const std::string& candidate : candidates)
    if (candidate.starts_with(word)) found.push_back(candidate);
  std::sort(found.begin(), found.end());
  return found;
}

Words complete_words(Words words) {
  const std::string typed = words.back();
  words.pop_back();
  words.erase(words.begin());  // the program
  Words names;
  if (words.empty()) {
    names = kOther;
    for (const auto& [name, subcommand] : kComposing) names.push_back(name);
    names = starting_with(names, typed);
  }
  Subcommand subcommand = Subcommand::run;
  if (!words.empty() && kComposing.contains(words.front())) {
    subcommand = kComposing.at(words.front());
    words.erase(words.begin());
  } else if (!words.empty() && starting_with(kOther, words.front()) == Words{words.front()}) {
    return {};
  }
  if (typed.starts_with('-')) return starting_with(flag_names(subcommand), typed);
  if (!words.empty() && words.back().starts_with('-'))
    if (const auto values = flag_values(words.back(), subcommand))
      return starting_with(*values, typed);
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
