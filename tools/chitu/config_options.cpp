#include "tools/chitu/config_options.h"

#include <functional>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/nearest.h"

namespace chitu::tools {
namespace {

struct Flag {
  const char* name;
  const char* alias;   // "" for none
  const char* values;  // names of its values, separated by a space; "" for a switch
  const char* help;
  void (*set)(ConfigOptions&, const std::vector<std::string>&);
};

using Values = const std::vector<std::string>&;

const Flag kFlags[] = {
    {"--config-dir", "-cd", "DIR", "look for configs there too (alone: only there)",
     [](ConfigOptions& o, Values v) { o.config_dir = v[0]; }},
    {"--config-path", "-cp", "DIR", "the directory of the primary config",
     [](ConfigOptions& o, Values v) { o.config_path = v[0]; }},
    {"--config-name", "-cn", "NAME", "the primary config",
     [](ConfigOptions& o, Values v) { o.config_name = v[0]; }},
    {"--cfg", "-c", "job|hydra|all", "which part to print",
     [](ConfigOptions& o, Values v) { o.cfg = v[0]; }},
    {"--format", "", "yaml|json", "how to print it",
     [](ConfigOptions& o, Values v) { o.format = v[0]; }},
    {"--resolve", "", "", "resolve interpolations first",
     [](ConfigOptions& o, Values) { o.resolve = true; }},
    {"--package", "-p", "KEY", "print only what is below this key",
     [](ConfigOptions& o, Values v) { o.package = v[0]; }},
    {"--multirun", "-m", "", "print the jobs of a sweep",
     [](ConfigOptions& o, Values) { o.multirun = true; }},
    {"--info", "-i", "all|config|defaults|defaults-tree|searchpath", "show how it is composed",
     [](ConfigOptions& o, Values v) { o.info = v[0]; }},
    {"--explain", "", "KEY", "show every file and override that gave the key its value",
     [](ConfigOptions& o, Values v) { o.explain = v[0]; }},
    {"--origin", "", "", "print each value with the place it comes from",
     [](ConfigOptions& o, Values) { o.origin = true; }},
    {"--diff", "", "FILE", "compare with a saved configuration",
     [](ConfigOptions& o, Values v) { o.diff = v[0]; }},
    {"--set-str", "", "KEY TEXT", "set a key to a text as it is, without quoting",
     [](ConfigOptions& o, Values v) { o.texts.emplace_back(v[0], v[1]); }},
    {"--set-file", "", "KEY FILE", "set a key to the text of a file",
     [](ConfigOptions& o, Values v) { o.texts.emplace_back(v[0], read_file(v[1])); }},
    {"--parse-override", "", "TEXT", "show how an override is read",
     [](ConfigOptions& o, Values v) { o.parse_override = v[0]; }},
    {"--file", "", "FILE", "read one YAML file instead of composing",
     [](ConfigOptions& o, Values v) { o.file = v[0]; }},
    {"--merge", "", "FILE", "merge this file over that of --file",
     [](ConfigOptions& o, Values v) { o.merge = v[0]; }},
    {"--help", "-h", "", "this text, with the groups and the config",
     [](ConfigOptions& o, Values) { o.help = true; }},
    {"--hydra-help", "", "", "the groups of the hydra node",
     [](ConfigOptions& o, Values) { o.hydra_help = true; }},
};

std::size_t count_of(const Flag& flag) {
  const std::string values = flag.values;
  if (values.empty()) return 0;
  return values.find(' ') == std::string::npos ? 1 : 2;
}

const Flag& find_flag(const std::string& name) {
  std::vector<std::string> names;
  for (const Flag& flag : kFlags) {
    if (name == flag.name || (*flag.alias && name == flag.alias)) return flag;
    names.emplace_back(flag.name);
  }
  throw InputError("unknown flag " + name + did_you_mean(name, names) +
                   "; to pass a text that begins with - quote it as key='...'");
}

void check_choice(const std::string& flag, const std::string& value,
                  const std::vector<std::string>& choices) {
  for (const std::string& choice : choices)
    if (value == choice) return;
  throw InputError(flag + " " + value + ": expected one of " + join(choices) +
                   did_you_mean(value, choices));
}

}  // namespace

ConfigOptions parse_config_options(const std::vector<std::string>& args) {
  ConfigOptions options;
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (!args[i].starts_with('-') || args[i] == "-") {
      options.overrides.push_back(args[i]);
      continue;
    }
    std::string name = args[i];
    std::vector<std::string> values;
    const std::size_t equals = name.find('=');
    if (name.starts_with("--") && equals != std::string::npos) {
      values.push_back(name.substr(equals + 1));
      name.resize(equals);
    }
    const Flag& flag = find_flag(name);
    const std::size_t count = count_of(flag);
    while (values.size() < count && i + 1 < args.size()) values.push_back(args[++i]);
    if (values.size() < count)
      throw InputError(name + " needs a value: " + name + " " + flag.values);
    if (values.size() > count) throw InputError(name + " takes no value");
    flag.set(options, values);
  }
  check_choice("--format", options.format, {"yaml", "json"});
  check_choice("--cfg", options.cfg, {"job", "hydra", "all"});
  if (options.merge && !options.file) throw InputError("--merge needs --file");
  return options;
}

std::string config_flags_help() {
  std::string text;
  for (const Flag& flag : kFlags) {
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

}  // namespace chitu::tools
