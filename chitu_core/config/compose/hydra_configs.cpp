#include "chitu_core/config/compose/hydra_configs.h"

#include <map>
#include <set>

#include "chitu_core/config/compose/repository.h"
#include "chitu_core/config/yaml/loader.h"

namespace chitu::config {
namespace {

struct Source {
  const char* path;
  BuiltIn which;
  const char* text;
};

constexpr const char* kDisabledLogging =
    "version: 1\nroot: {level: ERROR}\ndisable_existing_loggers: true\n";
constexpr const char* kNoLogging = "version: 1\nroot: null\ndisable_existing_loggers: false\n";

// The built-in configs of a Hydra 1.3 application, with chitu's help texts and launchers.
constexpr Source kSources[] = {
    {kEmptyConfig, BuiltIn::last, ""},
    {"hydra/config", BuiltIn::last, R"(
defaults:
  - output: default
  - launcher: basic
  - sweeper: basic
  - help: default
  - hydra_help: default
  - hydra_logging: default
  - job_logging: default
  - callbacks: null
  - env: default
mode: null
searchpath: []
run: {dir: '???'}
sweep: {dir: '???', subdir: '???', resume: false}
hydra_logging: ???
job_logging: ???
sweeper: ???
launcher: ???
callbacks: {}
help: {app_name: '???', header: '???', footer: '???', template: '???'}
hydra_help: {hydra_help: '???', template: '???'}
output_subdir: .hydra
overrides: {hydra: [], task: []}
job:
  name: ???
  chdir: null
  override_dirname: ???
  id: ???
  num: ???
  config_name: ???
  env_set: {}
  env_copy: []
  config:
    override_dirname: {kv_sep: '=', item_sep: ',', exclude_keys: []}
runtime:
  version: ???
  version_base: ???
  cwd: ???
  config_sources: ???
  output_dir: ???
  choices: {}
verbose: false
)"},
    {"hydra/output/default", BuiltIn::first, R"(# @package hydra
run:
  dir: outputs/${now:%Y-%m-%d}/${now:%H-%M-%S}
sweep:
  dir: multirun/${now:%Y-%m-%d}/${now:%H-%M-%S}
  subdir: ${hydra.job.num}
)"},
    {"hydra/env/default", BuiltIn::first, ""},
    {"hydra/help/default", BuiltIn::first, R"(
app_name: ${hydra.job.name}
header: ${hydra.help.app_name}
footer: Use --hydra-help for the flags of the configuration engine
template: |-
  ${hydra.help.header}

  == Configuration groups ==
  Compose your configuration from those groups (group=option)

  $APP_CONFIG_GROUPS

  == Config ==
  Override anything in the config (foo.bar=value)

  $CONFIG

  ${hydra.help.footer}
)"},
    {"hydra/hydra_help/default", BuiltIn::first, R"(
template: |-
  == Flags ==
  $FLAGS_HELP

  == Configuration groups ==
  Compose your configuration from those groups (For example, append hydra/job_logging=disabled)

  $HYDRA_CONFIG_GROUPS

  Use '--cfg hydra' to show the hydra node.
)"},
    {"hydra/hydra_logging/default", BuiltIn::first, R"(
version: 1
formatters:
  simple: {format: '[%(asctime)s][HYDRA] %(message)s'}
handlers:
  console: {class: logging.StreamHandler, formatter: simple, stream: ext://sys.stdout}
root: {level: INFO, handlers: [console]}
loggers:
  logging_example: {level: DEBUG}
disable_existing_loggers: false
)"},
    {"hydra/hydra_logging/hydra_debug", BuiltIn::first, R"(
version: 1
formatters:
  simple: {format: '[%(asctime)s][%(name)s][%(levelname)s] - %(message)s'}
handlers:
  file:
    class: logging.FileHandler
    mode: w
    formatter: simple
    filename: hydra-${hydra.job.name}.log
    delay: true
root: {level: ERROR, handlers: [file]}
loggers:
  hydra: {level: DEBUG}
disable_existing_loggers: false
)"},
    {"hydra/hydra_logging/disabled", BuiltIn::first, kDisabledLogging},
    {"hydra/hydra_logging/none", BuiltIn::first, kNoLogging},
    {"hydra/job_logging/default", BuiltIn::first, R"(
version: 1
formatters:
  simple: {format: '[%(asctime)s][%(name)s][%(levelname)s] - %(message)s'}
handlers:
  console: {class: logging.StreamHandler, formatter: simple, stream: ext://sys.stdout}
  file:
    class: logging.FileHandler
    formatter: simple
    filename: ${hydra.runtime.output_dir}/${hydra.job.name}.log
root: {level: INFO, handlers: [console, file]}
disable_existing_loggers: false
)"},
    {"hydra/job_logging/stdout", BuiltIn::first, R"(
version: 1
formatters:
  simple: {format: '%(message)s'}
handlers:
  console: {class: logging.StreamHandler, formatter: simple, stream: ext://sys.stdout}
root: {level: INFO, handlers: [console]}
disable_existing_loggers: false
)"},
    {"hydra/job_logging/disabled", BuiltIn::first, kDisabledLogging},
    {"hydra/job_logging/none", BuiltIn::first, kNoLogging},
    {"hydra/launcher/basic", BuiltIn::last, "_target_: chitu.BasicLauncher\n"},
    {"hydra/launcher/process", BuiltIn::last, "_target_: chitu.ProcessLauncher\nn_jobs: 2\n"},
    {"hydra/sweeper/basic", BuiltIn::last,
     "_target_: chitu.BasicSweeper\nmax_batch_size: null\nparams: null\n"},
};

const Source* find_source(const std::string& path, BuiltIn which) {
  for (const Source& source : kSources)
    if (source.which == which && path == source.path) return &source;
  return nullptr;
}

LoadedConfig parse(const Source& source) {
  LoadedConfig loaded;
  loaded.file = "built-in";
  const std::string name = "built-in " + std::string(source.path);
  loaded.package = read_package_header(source.text, name);
  loaded.content = parse_yaml(source.text, name);
  if (const Node* defaults = loaded.content.map().find("defaults")) {
    loaded.defaults = read_defaults(*defaults, source.path);
    loaded.content.map().erase("defaults");
  }
  return loaded;
}

template <class Take>
void each_below(const std::string& group_path, Take take) {
  const std::string prefix = group_path.empty() ? "" : group_path + "/";
  for (const Source& source : kSources) {
    const std::string_view path = source.path;
    if (path != kEmptyConfig && path.starts_with(prefix)) take(path.substr(prefix.size()));
  }
}

}  // namespace

std::shared_ptr<const LoadedConfig> built_in_config(const std::string& config_path, BuiltIn which) {
  std::string path = config_path;
  if (path.ends_with(".yaml")) path.resize(path.size() - 5);
  const Source* source = find_source(path, which);
  if (!source) return nullptr;
  // Parsed once per process.
  static const auto parsed = [] {
    std::map<const Source*, std::shared_ptr<const LoadedConfig>> all;
    for (const Source& each : kSources)
      all[&each] = std::make_shared<const LoadedConfig>(parse(each));
    return all;
  }();
  return parsed.at(source);
}

bool built_in_group(const std::string& group_path) {
  bool found = false;
  each_below(group_path, [&](std::string_view) { found = true; });
  return found;
}

std::vector<std::string> built_in_options(const std::string& group_path) {
  std::vector<std::string> names;
  each_below(group_path, [&](std::string_view rest) {
    if (rest.find('/') == std::string_view::npos) names.emplace_back(rest);
  });
  return names;
}

std::vector<std::string> built_in_groups(const std::string& group_path) {
  std::set<std::string> names;
  each_below(group_path, [&](std::string_view rest) {
    const std::size_t slash = rest.find('/');
    if (slash != std::string_view::npos) names.emplace(rest.substr(0, slash));
  });
  return {names.begin(), names.end()};
}

}  // namespace chitu::config
