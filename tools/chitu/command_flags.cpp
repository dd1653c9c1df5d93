#include "tools/chitu/command_flags.h"

#include <algorithm>
#include <iterator>
#include <sstream>
#include <string_view>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/nearest.h"

namespace chitu::tools {
namespace {

constexpr unsigned kConfig = static_cast<unsigned>(Subcommand::config);
constexpr unsigned kRun = static_cast<unsigned>(Subcommand::run);
constexpr unsigned kGraph = static_cast<unsigned>(Subcommand::graph);
constexpr unsigned kPrinting = kConfig | kRun;
constexpr unsigned kPlan = static_cast<unsigned>(Subcommand::plan);
constexpr unsigned kAll = kConfig | kRun | kGraph | kPlan;

using Values = const std::vector<std::string>&;

struct Flag {
  const char* name;
  const char* alias;   // "" for none
  const char* values;  // names of its values, separated by a space; "" for a switch
  unsigned subcommands;
  const char* help;
  void (*set)(CommandFlags&, Values);
};

/// Editors end the last line of a file with a line break, which is no part of the text.
std::string text_of_file(const std::string& key, const std::string& file) {
  try {
    std::string text = read_file(file);
    if (text.ends_with('\n')) text.pop_back();
    if (text.ends_with('\r')) text.pop_back();
    return text;
  } catch (const InputError& error) {
    throw InputError("--set-file " + key + ": " + error.what());
  }
}

const Flag kFlags[] = {
    {"--config-dir", "-cd", "DIR", kAll, "look for configs there too",
     [](CommandFlags& o, Values v) { o.config_dir = v[0]; }},
    {"--config-path", "-cp", "DIR", kAll, "the directory of the primary config",
     [](CommandFlags& o, Values v) { o.config_path = v[0]; }},
    {"--config-name", "-cn", "NAME", kAll, "the primary config",
     [](CommandFlags& o, Values v) { o.config_name = v[0]; }},
    {"--prompt", "", "TEXT", kAll, "request.prompt, taken as it is",
     [](CommandFlags& o, Values v) { o.texts.emplace_back("request.prompt", v[0]); }},
    {"--negative-prompt", "", "TEXT", kAll, "request.negative_prompt, taken as it is",
     [](CommandFlags& o, Values v) { o.texts.emplace_back("request.negative_prompt", v[0]); }},
    {"--set-str", "", "KEY TEXT", kAll, "set a key to a text as it is, without quoting",
     [](CommandFlags& o, Values v) { o.texts.emplace_back(v[0], v[1]); }},
    {"--set-file", "", "KEY FILE", kAll,
     "set a key to the text of a file, less its last line break",
     [](CommandFlags& o, Values v) { o.texts.emplace_back(v[0], text_of_file(v[0], v[1])); }},
    {"--profile", "", "", kRun, "debug.profile=true: write trace.json, memory.svg, operators.txt",
     [](CommandFlags& o, Values) { o.overrides.emplace_back("++debug.profile=true"); }},
    {"--multirun", "-m", "", kPrinting, "a job for every combination of a sweep (a=1,2)",
     [](CommandFlags& o, Values) { o.multirun = true; }},
    {"--cfg", "-c", "job|hydra|all", kPrinting, "print this part of the configuration",
     [](CommandFlags& o, Values v) { o.cfg = v[0]; }},
    {"--resolve", "", "", kPrinting, "resolve interpolations in what is printed",
     [](CommandFlags& o, Values) { o.resolve = true; }},
    {"--package", "-p", "KEY", kPrinting, "print only what is below this key",
     [](CommandFlags& o, Values v) { o.package = v[0]; }},
    {"--info", "-i", "[all|config|defaults|defaults-tree|searchpath]", kPrinting,
     "show how the configuration is composed", [](CommandFlags& o, Values v) { o.info = v[0]; }},
    {"--explain", "", "KEY", kPrinting, "show every file and override that gave the key its value",
     [](CommandFlags& o, Values v) { o.explain = v[0]; }},
    {"--origin", "", "", kPrinting, "print each value with the place it comes from",
     [](CommandFlags& o, Values) { o.origin = true; }},
    {"--diff", "", "FILE", kPrinting, "compare with a saved configuration",
     [](CommandFlags& o, Values v) { o.diff = v[0]; }},
    {"--format", "", "yaml|json", kConfig, "how to print it",
     [](CommandFlags& o, Values v) { o.format = v[0]; }},
    {"--format", "", "text|mermaid|dot|json", kGraph, "how to print the graph",
     [](CommandFlags& o, Values v) { o.format = v[0]; }},
    {"--format", "", "table|json|csv|markdown", kPlan, "how to print the plan",
     [](CommandFlags& o, Values v) { o.format = v[0]; }},
    {"--fit", "", "SIZE", kPlan, "find the largest picture and the most frames that fit, as 16GiB",
     [](CommandFlags& o, Values v) { o.fit = v[0]; }},
    {"--explain", "", "", kPlan, "show what makes up each peak, and what would lower it",
     [](CommandFlags& o, Values) { o.explain_peaks = true; }},
    {"--dry", "", "", kPlan, "print the memory plans themselves, as YAML, and plan no run",
     [](CommandFlags& o, Values) { o.dry = true; }},
    {"--parse-override", "", "TEXT", kConfig, "show how an override is read",
     [](CommandFlags& o, Values v) { o.parse_override = v[0]; }},
    {"--file", "", "FILE", kConfig, "read one YAML file instead of composing",
     [](CommandFlags& o, Values v) { o.file = v[0]; }},
    {"--merge", "", "FILE", kConfig, "merge this file over that of --file",
     [](CommandFlags& o, Values v) { o.merge = v[0]; }},
    {"--help", "-h", "", kAll, "this text, with the groups and the config",
     [](CommandFlags& o, Values) { o.help = true; }},
    {"--hydra-help", "", "", kPrinting, "the groups of the hydra node",
     [](CommandFlags& o, Values) { o.hydra_help = true; }},
};

bool is_optional(const Flag& flag) { return *flag.values == '['; }

std::size_t count_of(const Flag& flag) {
  const std::string values = flag.values;
  if (values.empty()) return 0;
  return values.find(' ') == std::string::npos ? 1 : 2;
}

bool has(Subcommand subcommand, const Flag& flag) {
  return (flag.subcommands & static_cast<unsigned>(subcommand)) != 0;
}

const Flag& find_flag(const std::string& name, Subcommand subcommand) {
  for (const Flag& flag : kFlags)
    if (has(subcommand, flag) && (name == flag.name || (*flag.alias && name == flag.alias)))
      return flag;
  throw InputError("unknown flag " + name + did_you_mean(name, flag_names(subcommand)) +
                   "; to pass a text that begins with - quote it as key='...'");
}

/// The values of a flag that lists them, as a|b|c; in brackets when the value may be left out.
std::vector<std::string> choices_of(const Flag& flag) {
  std::string values = flag.values;
  if (values.find('|') == std::string::npos) return {};
  if (is_optional(flag)) values = values.substr(1, values.size() - 2);
  std::vector<std::string> choices;
  std::istringstream words(values);
  for (std::string word; std::getline(words, word, '|');) choices.push_back(word);
  return choices;
}

bool contains(const std::vector<std::string>& choices, const std::string& value) {
  return std::find(choices.begin(), choices.end(), value) != choices.end();
}

void check_choice(const Flag& flag, const std::string& value) {
  const auto choices = choices_of(flag);
  if (choices.empty() || contains(choices, value)) return;
  throw InputError(std::string(flag.name) + " " + value + ": expected one of " + join(choices) +
                   did_you_mean(value, choices));
}

/// Takes the values of a flag from the words behind it; `next` is the first that is not taken.
std::vector<std::string> take_values(const Flag& flag, std::vector<std::string> values,
                                     const std::vector<std::string>& args, std::size_t& next) {
  const std::size_t count = count_of(flag);
  if (is_optional(flag) && values.empty()) {
    const auto choices = choices_of(flag);
    if (next == args.size() || !contains(choices, args[next])) return {choices.front()};
  }
  while (values.size() < count && next < args.size()) values.push_back(args[next++]);
  const std::string name = flag.name;
  if (values.size() < count) throw InputError(name + " needs a value: " + name + " " + flag.values);
  if (values.size() > count) throw InputError(name + " takes no value");
  if (count == 1) check_choice(flag, values[0]);
  return values;
}

}  // namespace

bool CommandFlags::only_prints() const {
  return cfg || info || explain || diff || origin || help || hydra_help;
}

CommandFlags parse_flags(const std::vector<std::string>& args, Subcommand subcommand) {
  CommandFlags options;
  for (std::size_t next = 0; next < args.size();) {
    const std::string& word = args[next++];
    if (word == "--") {  // what follows are overrides, whatever they begin with
      options.overrides.insert(options.overrides.end(), args.begin() + static_cast<long>(next),
                               args.end());
      break;
    }
    if (!word.starts_with('-') || word == "-") {
      options.overrides.push_back(word);
      continue;
    }
    std::string name = word;
    std::vector<std::string> values;
    const std::size_t equals = name.find('=');
    if (name.starts_with("--") && equals != std::string::npos) {
      values.push_back(name.substr(equals + 1));
      name.resize(equals);
    }
    const Flag& flag = find_flag(name, subcommand);
    flag.set(options, take_values(flag, std::move(values), args, next));
  }
  if (options.format.empty()) {
    const auto formats = flag_values("--format", subcommand);
    options.format = formats ? formats->front() : "yaml";
  }
  if (options.merge && !options.file) throw InputError("--merge needs --file");
  return options;
}

std::string flags_help(Subcommand subcommand) {
  std::string text;
  for (const Flag& flag : kFlags) {
    if (!has(subcommand, flag)) continue;
    std::string left = std::string("  ") + flag.name;
    if (*flag.alias) left += std::string(", ") + flag.alias;
    if (*flag.values) left += std::string(" ") + flag.values;
    if (left.size() < 34)
      left.append(34 - left.size(), ' ');
    else
      left += "  ";
    text += left + flag.help + "\n";
  }
  return text;
}

std::vector<std::string> flag_names(Subcommand subcommand) {
  std::vector<std::string> names;
  for (const Flag& flag : kFlags)
    if (has(subcommand, flag)) names.emplace_back(flag.name);
  return names;
}

std::vector<std::string> flag_placeholders(const std::string& name, Subcommand subcommand) {
  for (const Flag& flag : kFlags) {
    if (!has(subcommand, flag) || (name != flag.name && name != flag.alias)) continue;
    std::istringstream words(flag.values);
    return {std::istream_iterator<std::string>(words), {}};
  }
  return {};
}

std::optional<std::vector<std::string>> flag_values(const std::string& name,
                                                    Subcommand subcommand) {
  for (const Flag& flag : kFlags)
    if (has(subcommand, flag) && (name == flag.name || name == flag.alias) && *flag.values)
      return choices_of(flag);
  return std::nullopt;
}

}  // namespace chitu::tools
