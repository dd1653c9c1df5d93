#include "chitu_core/config/compose/hydra_node.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "chitu_core/common/nearest.h"
#include "chitu_core/config/compose/hydra_configs.h"
#include "chitu_core/config/value/error.h"
#include "chitu_core/config/value/text.h"
#include "chitu_core/config/yaml/loader.h"

namespace chitu::config {
namespace {

// The types of the `hydra` node. `?`: null is allowed; `any`: not checked.
constexpr const char* kSchema = R"(
mode: mode?
searchpath: strings
run: {dir: str}
sweep: {dir: str, subdir: str, resume: bool}
hydra_logging: any
job_logging: any
sweeper: any
launcher: any
callbacks: any
env: any
help: {app_name: str, header: str, footer: str, template: str}
hydra_help: {hydra_help: str, template: str}
output_subdir: str?
overrides: {hydra: strings, task: strings}
job:
  name: str
  chdir: bool?
  override_dirname: str
  id: str
  num: int
  config_name: str?
  env_set: texts
  env_copy: strings
  config:
    override_dirname: {kv_sep: str, item_sep: str, exclude_keys: strings}
runtime:
  version: str
  version_base: str
  cwd: str
  config_sources: any
  output_dir: str
  choices: any
verbose: any
)";

const Node& schema() {
  static const Node node = parse_yaml(kSchema, "hydra schema");
  return node;
}

void check_keys(const Node& node, const Node& types, const std::string& at) {
  if (!node.is_map() || !types.is_map()) return;
  for (const Entry& entry : node.map()) {
    const Node* type = types.map().find(entry.key);
    const std::string key = join_path(at, entry.key.text);
    if (!type)
      throw ConfigError(entry.origin, key,
                        "hydra has no such key" + did_you_mean(key, keys_of(types, at)));
    check_keys(entry.value, *type, key);
  }
}

bool convert_scalar(Node& node, const std::string& type) {
  const Origin origin = node.origin();
  if (type == "str") {
    if (node.is_container()) return false;
    if (!node.is_string()) node = Node::literal(python_text(node)).at_origin(origin);
    return true;
  }
  if (type == "int") {
    if (node.kind() == Kind::integer) return true;
    const auto number = node.is_string() ? read_integer(node.text()) : std::nullopt;
    if (number) node = Node(*number).at_origin(origin);
    return number.has_value();
  }
  if (type == "bool") {
    if (node.kind() == Kind::boolean) return true;
    if (node.kind() == Kind::integer) {
      node = Node(node.as_real() != 0).at_origin(origin);
      return true;
    }
    const std::string text = node.is_string() ? lower(node.text()) : "";
    for (const char* yes : {"on", "yes", "y", "true", "1"})
      if (text == yes) node = Node(true).at_origin(origin);
    for (const char* no : {"off", "no", "n", "false", "0"})
      if (text == no) node = Node(false).at_origin(origin);
    return node.kind() == Kind::boolean;
  }
  if (type == "mode") {
    if (!node.is_string()) return false;
    const std::string text = node.text();
    if (text == "RUN" || text == "MULTIRUN") return true;
    if (text != "RunMode.RUN" && text != "RunMode.MULTIRUN") return false;
    node = Node(text.substr(8)).at_origin(origin);
    return true;
  }
  return true;
}

std::string expected_text(const std::string& type) {
  if (type == "str") return "a string";
  if (type == "int") return "an integer";
  if (type == "bool") return "true or false";
  if (type == "mode") return "RUN or MULTIRUN";
  if (type == "strings") return "a list of strings";
  return "a map of strings";
}

void convert(Node& node, const Node& types, const std::string& at) {
  if (node.is_interpolation() || node.is_missing()) return;
  if (types.is_map()) {
    if (!node.is_map()) throw ConfigError(node.origin(), at, "expected a map, got " + show(node));
    for (Entry& entry : node.map())
      if (const Node* type = types.map().find(entry.key))
        convert(entry.value, *type, join_path(at, entry.key.text));
    return;
  }
  std::string type = types.text();
  if (type == "any") return;
  if (type.ends_with('?')) {
    if (node.is_null()) return;
    type.pop_back();
  }
  const auto refuse = [&] {
    throw ConfigError(node.origin(), at, "expected " + expected_text(type) + ", got " + show(node));
  };
  const auto each = [&](Node& item) {
    if (item.is_interpolation() || item.is_missing()) return;
    if (item.is_null() || !convert_scalar(item, "str")) refuse();
  };
  if (type == "strings") {
    if (!node.is_list()) refuse();
    for (Node& item : node.list()) each(item);
  } else if (type == "texts") {
    if (!node.is_map()) refuse();
    for (Entry& entry : node.map()) each(entry.value);
  } else if (node.is_null() || !convert_scalar(node, type)) {
    refuse();
  }
}

Node texts(const std::vector<std::string>& items) {
  List list;
  for (const std::string& item : items) list.push_back(Node::literal(item));
  return Node(std::move(list));
}

std::string override_dirname(const Node& job, const std::vector<Override>& overrides) {
  const auto setting = [&](const char* key, const char* otherwise) {
    const Node* found = job.find(std::string("config.override_dirname.") + key);
    return found && found->is_string() ? found->text() : std::string(otherwise);
  };
  std::vector<std::string> excluded;
  if (const Node* keys = job.find("config.override_dirname.exclude_keys"); keys && keys->is_list())
    for (const Node& key : keys->list())
      if (key.is_string()) excluded.push_back(key.text());
  std::vector<std::string> lines;
  for (const Override& given : overrides)
    if (!given.is_hydra() &&
        std::find(excluded.begin(), excluded.end(), given.key) == excluded.end())
      lines.push_back(given.text);
  std::sort(lines.begin(), lines.end());
  const std::string separator = setting("kv_sep", "=");
  std::string name;
  for (const char c : join(lines, setting("item_sep", ",")))
    name += c == '=' ? separator : std::string(1, c);
  return name;
}

void copy_environment(Node& job) {
  const Node* names = job.find("env_copy");
  if (!names || !names->is_list()) return;
  for (const Node& name : names->list()) {
    const char* value = std::getenv(name.text().c_str());
    if (!value)
      throw ConfigError(name.origin(), "hydra.job.env_copy",
                        "the environment variable " + name.text() + " is not set");
    Node* target = job.map().find("env_set");
    if (!target || !target->is_map()) target = &job.map().set("env_set", Node(Map()));
    target->map().set(name.text(), Node::literal(value));
  }
}

Node config_sources(const std::vector<SearchPathEntry>& search_path) {
  List sources;
  const auto add = [&](const std::string& path, const char* kind, const std::string& provider) {
    Map source;
    source.set("path", Node::literal(path));
    source.set("schema", Node(kind));
    source.set("provider", Node::literal(provider));
    sources.emplace_back(std::move(source));
  };
  add("hydra.conf", "pkg", "hydra");
  for (const SearchPathEntry& entry : search_path) {
    std::error_code ignored;
    add(std::filesystem::absolute(entry.path, ignored).lexically_normal().string(), "file",
        entry.provider);
  }
  add("", "structured", "schema");
  return Node(std::move(sources));
}

}  // namespace

void check_hydra_keys(const Node& hydra) { check_keys(hydra, schema(), "hydra"); }

void convert_hydra_node(Node& hydra) { convert(hydra, schema(), "hydra"); }

void fill_hydra_node(Composition& composition, const ComposeRequest& request,
                     const std::vector<Override>& overrides) {
  Node& hydra = composition.root.map().set("hydra", composition.root.map().find("hydra")
                                                        ? *composition.root.map().find("hydra")
                                                        : Node(Map()));
  const auto part = [&](const char* key) -> Node& {
    Node* found = hydra.map().find(key);
    if (!found || !found->is_map()) found = &hydra.map().set(key, Node(Map()));
    return *found;
  };
  Node& lists = part("overrides");
  lists.map().set("hydra", texts(composition.hydra_overrides));
  lists.map().set("task", texts(composition.task_overrides));

  Node& runtime = part("runtime");
  Map choices;
  for (const auto& [group, option] : composition.choices) choices.set(group, option);
  runtime.map().set("choices", Node(std::move(choices)));
  runtime.map().set("version", Node(kHydraVersion));
  runtime.map().set("version_base", Node("1.3"));
  std::error_code ignored;
  runtime.map().set("cwd", Node::literal(std::filesystem::current_path(ignored).string()));
  runtime.map().set("config_sources", config_sources(composition.search_path));

  Node& job = part("job");
  copy_environment(job);
  const Node* name = job.map().find("name");
  if (!name || name->is_missing()) job.map().set("name", Node::literal(request.job_name));
  job.map().set("override_dirname", Node::literal(override_dirname(job, overrides)));
  job.map().set("config_name",
                request.config_name.empty() ? Node() : Node::literal(request.config_name));
  if (request.job_num) {
    job.map().set("num", Node(*request.job_num));
    job.map().set("id", Node::literal(std::to_string(*request.job_num)));
  }
}

}  // namespace chitu::config
