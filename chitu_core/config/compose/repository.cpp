#include "chitu_core/config/compose/repository.h"

#include <algorithm>
#include <set>

#include "chitu_core/common/files.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/config/compose/hydra_configs.h"
#include "chitu_core/config/value/error.h"
#include "chitu_core/config/yaml/loader.h"

namespace chitu::config {
namespace fs = std::filesystem;
namespace {

std::string with_extension(const std::string& name) {
  return name.ends_with(".yaml") ? name : name + ".yaml";
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n\f\v";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t space = std::min(text.find(' '), text.size());
    if (space > 0) words.emplace_back(text.substr(0, space));
    text.remove_prefix(std::min(space + 1, text.size()));
  }
  return words;
}

/// A path with .. would depend on where the configuration directory is.
void refuse_climbing(const std::string& path) {
  std::size_t from = 0;
  while (from <= path.size()) {
    const std::size_t slash = std::min(path.find('/', from), path.size());
    if (path.substr(from, slash - from) == "..")
      throw ConfigError("the config path " + path + " must not hold ..");
    from = slash + 1;
  }
}

LoadedConfig read_config(const std::string& config_path, const std::string& file) {
  LoadedConfig loaded;
  loaded.file = file;
  const std::string text = read_file(file);
  loaded.package = read_package_header(text, file);
  loaded.content = parse_yaml(text, file);
  if (!loaded.content.is_map()) return loaded;
  if (const Node* defaults = loaded.content.map().find("defaults")) {
    loaded.defaults = read_defaults(*defaults, config_path);
    loaded.content.map().erase("defaults");
  }
  return loaded;
}

}  // namespace

std::optional<std::string> read_package_header(std::string_view text, const std::string& file) {
  std::optional<std::string> package;
  int number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty()) continue;
    if (line.front() != '#' || !trimmed(line.substr(1)).starts_with('@')) break;
    const std::vector<std::string> words = words_of(trimmed(line.substr(1)));
    if (words.size() != 2)
      throw ConfigError(file + ":" + std::to_string(number) +
                        ": a header is `# @package name`, got " + std::string(line));
    if (words[0] == "@package") package = words[1];
  }
  return package;
}

Repository::Repository(std::vector<SearchPathEntry> search_path)
    : search_path_(std::move(search_path)) {}

void Repository::append(const SearchPathEntry& entry) {
  search_path_.push_back(entry);
  groups_.clear();
  // A config that was not found before may be in the new directory.
  std::erase_if(loaded_, [](const auto& item) { return !item.second.get(); });
}

std::optional<std::string> Repository::find_file(const std::string& config_path) const {
  refuse_climbing(config_path);
  for (const SearchPathEntry& entry : search_path_) {
    const fs::path file = entry.path / with_extension(config_path);
    std::error_code ignored;
    if (fs::is_regular_file(file, ignored)) return file.string();
  }
  return std::nullopt;
}

const LoadedConfig* Repository::load(const std::string& config_path) {
  const auto known = loaded_.find(config_path);
  if (known != loaded_.end()) return known->second.get();
  Found found{built_in_config(config_path, BuiltIn::first), nullptr};
  if (!found.built_in) {
    if (const auto file = find_file(config_path))
      found.read = std::make_unique<LoadedConfig>(read_config(config_path, *file));
    else
      found.built_in = built_in_config(config_path, BuiltIn::last);
  }
  return (loaded_[config_path] = std::move(found)).get();
}

Node Repository::take_content(const std::string& config_path) {
  Found& found = loaded_.at(config_path);
  return found.read ? std::move(found.read->content) : found.built_in->content;
}

bool Repository::is_config(const std::string& config_path) {
  return built_in_config(config_path, BuiltIn::first) || find_file(config_path) ||
         built_in_config(config_path, BuiltIn::last);
}

bool Repository::is_group(const std::string& group_path) {
  if (group_path.empty()) return false;
  const auto known = groups_.find(group_path);
  if (known != groups_.end()) return known->second;
  bool found = built_in_group(group_path);
  for (const SearchPathEntry& entry : search_path_) {
    std::error_code ignored;
    if (found) break;
    found = fs::is_directory(entry.path / group_path, ignored);
  }
  return groups_[group_path] = found;
}

std::vector<std::string> Repository::options(const std::string& group_path) const {
  std::set<std::string> names;
  for (const std::string& name : built_in_options(group_path)) names.insert(name);
  for (const SearchPathEntry& entry : search_path_) {
    std::error_code error;
    for (fs::directory_iterator item(entry.path / group_path, error), end; !error && item != end;
         item.increment(error)) {
      std::error_code ignored;
      if (item->path().extension() == ".yaml" && item->is_regular_file(ignored))
        names.insert(item->path().stem().string());
    }
  }
  return {names.begin(), names.end()};
}

std::vector<std::string> Repository::groups(const std::string& group_path) const {
  std::set<std::string> names;
  for (const std::string& name : built_in_groups(group_path)) names.insert(name);
  for (const SearchPathEntry& entry : search_path_) {
    std::error_code error;
    for (fs::directory_iterator item(entry.path / group_path, error), end; !error && item != end;
         item.increment(error)) {
      std::error_code ignored;
      if (item->is_directory(ignored)) names.insert(item->path().filename().string());
    }
  }
  return {names.begin(), names.end()};
}

std::string Repository::describe_search_path() const {
  std::vector<std::string> places;
  for (const SearchPathEntry& entry : search_path_)
    places.push_back(entry.path.string() + " (" + entry.provider + ")");
  places.emplace_back("built-in (hydra)");
  return "search path: " + join(places);
}

}  // namespace chitu::config
