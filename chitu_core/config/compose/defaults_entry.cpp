#include "chitu_core/config/compose/defaults_entry.h"

#include "chitu_core/common/nearest.h"
#include "chitu_core/config/value/error.h"

namespace chitu::config {
namespace {

constexpr std::string_view kGlobal = "_global_";

std::string dotted(std::string path) {
  for (char& c : path)
    if (c == '/') c = '.';
  return path;
}

std::string without_slash(const std::string& path) {
  return path.starts_with('/') ? path.substr(1) : path;
}

std::string below(const std::string& group, const std::string& path) {
  if (path.starts_with('/')) return path.substr(1);
  if (group.empty()) return path;
  return path.empty() ? group : group + "/" + path;
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

/// Splits `optional override db@pkg` into keywords, group and package.
void read_group_key(DefaultsEntry& entry, const std::string& text, const std::string& config_path) {
  const std::size_t at = text.find('@');
  std::string left = text.substr(0, at);
  if (at != std::string::npos) {
    entry.package = text.substr(at + 1);
    // group@old:new was a rename in Hydra 1.0; later versions ignore the new name.
    entry.package = entry.package->substr(0, entry.package->find(':'));
  }
  for (std::size_t space = left.find(' '); space != std::string::npos; space = left.find(' ')) {
    const std::string word = left.substr(0, space);
    left.erase(0, space + 1);
    if (word.empty()) continue;
    if (word == "optional")
      entry.optional = true;
    else if (word == "override")
      entry.override_keyword = true;
    else
      throw ConfigError(entry.origin, "in " + config_path + ": unknown keyword " + word +
                                          " in the defaults list" +
                                          did_you_mean(word, {"optional", "override"}));
  }
  entry.group = left;
  if (entry.group.empty() || entry.group == "/")
    throw ConfigError(entry.origin, "in " + config_path + ": the group of the default is missing");
}

void read_option(DefaultsEntry& entry, const Node& value, const std::string& config_path) {
  const auto is_text = [](const Node& node) {
    return node.is_string() || node.is_missing() || node.is_interpolation();
  };
  const auto refuse = [&](const Node& got) {
    throw ConfigError(got.origin(), "in " + config_path + ": the option of " + entry.group +
                                        " must be a string, a list of strings or null, got " +
                                        show(got) +
                                        (got.is_container() ? "" : "; quote it to use the text"));
  };
  if (is_text(value)) {
    entry.option = value.text();
  } else if (value.is_list()) {
    entry.is_options = true;
    for (const Node& item : value.list()) {
      if (!is_text(item)) refuse(item);
      entry.options.push_back(item.text());
    }
  } else if (!value.is_null()) {
    refuse(value);
  }
}

DefaultsEntry read_entry(const Node& item, const std::string& config_path) {
  DefaultsEntry entry;
  entry.origin = item.origin();
  if (item.is_map()) {
    if (item.map().empty())
      throw ConfigError(entry.origin, "in " + config_path + ": a default has no group");
    if (item.map().size() > 1)
      throw ConfigError(
          entry.origin,
          "in " + config_path + ": a default has one key, got " + join(keys_of(item)) +
              "; start each with - on its own line" +
              (item.map().find("optional") ? ", and write `optional group: option`" : ""));
    const Entry& only = *item.map().begin();
    if (only.key.kind != Kind::string)
      throw ConfigError(only.origin, "in " + config_path + ": the group " + only.key.text +
                                         " must be a string, quote it");
    entry.type = DefaultsEntry::Type::group;
    read_group_key(entry, only.key.text, config_path);
    read_option(entry, only.value, config_path);
  } else if (item.is_string() || item.is_missing() || item.is_interpolation()) {
    const std::string& text = item.text();
    const std::size_t at = text.find('@');
    entry.path = text.substr(0, at);
    if (at != std::string::npos) {
      entry.package = text.substr(at + 1);
      entry.package = entry.package->substr(0, entry.package->find(':'));
    }
    if (entry.is_self() && entry.package)
      throw ConfigError(entry.origin, "in " + config_path + ": _self_ takes no @package");
  } else {
    throw ConfigError(
        entry.origin,
        "in " + config_path + ": a default is a config or `group: option`, got " + show(item));
  }
  if (entry.package == "_here_") entry.package = "";
  return entry;
}

}  // namespace

DefaultsEntry DefaultsEntry::config(std::string path) {
  DefaultsEntry entry;
  entry.path = std::move(path);
  return entry;
}

bool DefaultsEntry::is_self() const {
  return is_group() ? !is_options && option == "_self_" : path == "_self_";
}

bool DefaultsEntry::is_missing() const {
  if (is_group()) return !is_options && option == "???";
  return path == "???" || path.ends_with("/???");
}

bool DefaultsEntry::is_interpolation() const {
  if (is_group()) return !is_options && option && option->find("${") != std::string::npos;
  return path.find("${") != std::string::npos;
}

void DefaultsEntry::set_parent(const std::string& parent, const std::string& of_parent) {
  parent_group = parent;
  parent_package = of_parent;
  if (!package || package->find("_group_") == std::string::npos) return;
  const std::string own = dotted(group_path());
  for (std::size_t at = package->find("_group_"); at != std::string::npos;
       at = package->find("_group_", at + own.size()))
    package->replace(at, 7, own);
  package = std::string(kGlobal) + "." + *package;
}

void DefaultsEntry::set_header(const std::optional<std::string>& value) {
  header = value;
  if (!header || *header == kGlobal || header->starts_with("_global_.")) return;
  // The package of a header is absolute.
  header = header->empty() ? std::string(kGlobal) : std::string(kGlobal) + "." + *header;
}

std::string DefaultsEntry::group_path() const {
  if (type == Type::root) return "";
  if (is_group()) return below(parent_group, group);
  const bool absolute = path.starts_with('/');
  const std::string own = parent_of(without_slash(path));
  return absolute ? own : below(parent_group, own);
}

std::string DefaultsEntry::config_path() const {
  if (type == Type::root) return "<root>";
  if (is_group()) return group_path() + "/" + option.value_or("null");
  return below(parent_group, path);
}

std::string DefaultsEntry::relative_group() const {
  return is_group() ? without_slash(group) : parent_of(without_slash(path));
}

std::string DefaultsEntry::final_package(bool use_header) const {
  std::optional<std::string> own = package;
  if (!own && use_header) own = header;
  if (!own) own = dotted(relative_group());
  const std::string full = join_path(parent_package, *own);
  const std::string result = own->empty() ? parent_package : full;
  const std::size_t global = result.rfind(kGlobal);
  if (global == std::string::npos) return result;
  const std::size_t after = global + kGlobal.size() + 1;
  return after > result.size() ? "" : result.substr(after);
}

std::string DefaultsEntry::override_key() const {
  const std::string key = group_path();
  const std::string pkg = final_package(false);
  if (pkg == dotted(key)) return key;
  return key + "@" + (pkg.empty() ? std::string(kGlobal) : pkg);
}

std::string DefaultsEntry::option_text() const {
  if (!is_group()) return path;
  return is_options ? "[" + join(options) + "]" : option.value_or("null");
}

std::vector<DefaultsEntry> read_defaults(const Node& defaults, const std::string& config_path) {
  if (!defaults.is_list())
    throw ConfigError(defaults.origin(),
                      "in " + config_path + ": defaults must be a list, got " + show(defaults));
  std::vector<DefaultsEntry> entries;
  for (const Node& item : defaults.list()) entries.push_back(read_entry(item, config_path));
  return entries;
}

}  // namespace chitu::config
