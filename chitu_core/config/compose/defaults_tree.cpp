#include "chitu_core/config/compose/defaults_tree.h"

#include <algorithm>
#include <set>

#include "chitu_core/common/nearest.h"
#include "chitu_core/config/compose/hydra_configs.h"
#include "chitu_core/config/interpolate/evaluate.h"
#include "chitu_core/config/value/error.h"
#include "chitu_core/config/value/limits.h"

namespace chitu::config {
namespace {

// A config may include itself under another package with another option, but not endlessly.
constexpr std::size_t kMaxRepeats = 16;

}  // namespace

DefaultsTree::DefaultsTree(Repository& repository, GroupChoices& choices, bool skip_missing)
    : repository_(repository), choices_(choices), skip_missing_(skip_missing) {}

std::vector<FinalDefault> DefaultsTree::walk(const std::string& config_name) {
  root_ = std::make_unique<TreeNode>();
  root_->entry.type = DefaultsEntry::Type::root;
  const auto add = [&](DefaultsEntry entry) -> TreeNode& {
    auto child = std::make_unique<TreeNode>();
    child->entry = std::move(entry);
    child->parent = root_.get();
    root_->children.push_back(std::move(child));
    return *root_->children.back();
  };
  TreeNode& hydra = add(DefaultsEntry::config("hydra/config"));
  TreeNode& primary = add(DefaultsEntry::config(config_name.empty() ? kEmptyConfig : config_name));
  primary.entry.primary = true;
  // Expanded last to first, so that overrides in the primary config apply to Hydra's own groups.
  expand(primary, true, false);
  expand(hydra, false, false);

  std::vector<FinalDefault> list;
  collect(*root_, list);
  std::set<std::string> keys;
  for (const FinalDefault& item : list)
    if (!item.override_key.empty() && !keys.insert(item.override_key).second)
      throw ConfigError(item.override_key + " appears more than once in the final defaults list");
  return list;
}

std::string DefaultsTree::chain(const TreeNode& node) const {
  std::vector<std::string> names;
  for (const TreeNode* at = &node; at && at->entry.type != DefaultsEntry::Type::root;
       at = at->parent)
    names.push_back(at->entry.config_path());
  std::reverse(names.begin(), names.end());
  return join(names, " -> ");
}

void DefaultsTree::refuse_cycle(const TreeNode& node) const {
  const std::string path = node.entry.config_path();
  const std::string package = node.entry.final_package();
  std::size_t repeats = 0, depth = 0;
  for (const TreeNode* at = node.parent; at && at->entry.type != DefaultsEntry::Type::root;
       at = at->parent) {
    ++depth;
    if (at->entry.config_path() != path) continue;
    ++repeats;
    if (at->entry.final_package() == package || repeats >= kMaxRepeats)
      throw ConfigError(node.entry.origin,
                        "the defaults lists include each other in a cycle: " + chain(node));
  }
  if (depth > kMaxDepth)
    throw ConfigError(node.entry.origin,
                      "defaults lists are nested deeper than " + std::to_string(kMaxDepth));
}

bool DefaultsTree::is_missing(const TreeNode& node) {
  const DefaultsEntry& entry = node.entry;
  if (!entry.config_path().ends_with("???")) return false;
  if (skip_missing_) return true;
  if (!entry.is_group())
    throw ConfigError(entry.origin,
                      "a config of the defaults list cannot be ???: " + entry.config_path());
  const std::string key = entry.override_key();
  throw ConfigError(entry.origin, "you must specify '" + key + "', e.g. " + key +
                                      "=<OPTION>; available options in '" + entry.group_path() +
                                      "': " + join(repository_.options(entry.group_path())));
}

void DefaultsTree::not_found(const TreeNode& node) {
  const DefaultsEntry& entry = node.entry;
  const std::string path = entry.config_path();
  std::string message;
  if (entry.primary) {
    message = "cannot find the primary config '" + path + "'";
    const std::size_t slash = path.rfind('/');
    const std::string group = slash == std::string::npos ? "" : path.substr(0, slash);
    const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
    const std::vector<std::string> options = repository_.options(group);
    message += did_you_mean(name, options);
    if (name.ends_with(".yml")) message += "; configs end in .yaml";
  } else {
    const std::string group = entry.group_path();
    const std::vector<std::string> options = repository_.options(group);
    const std::string name = path.substr(path.rfind('/') + 1);
    const std::string parent = node.parent && node.parent->entry.type != DefaultsEntry::Type::root
                                   ? chain(*node.parent)
                                   : "";
    if (!parent.empty()) message = "in '" + parent + "': ";
    message += "could not find '" + path + "'" + did_you_mean(name, options);
    if (!options.empty())
      message += "; available options in '" + group + "': " + join(options);
    else if (!group.empty())
      message += "; there is no group '" + group + "'";
  }
  message += "; " + repository_.describe_search_path();
  throw ConfigError(entry.origin, message);
}

void DefaultsTree::expand(TreeNode& node, bool is_root, bool interpolated) {
  DefaultsEntry& entry = node.entry;
  if (++count_ > kMaxDefaults)
    throw ConfigError("the defaults lists hold more than " + std::to_string(kMaxDefaults) +
                      " entries: " + chain(node));
  if (is_root && !repository_.is_config(entry.config_path())) not_found(node);
  if (entry.is_null()) {
    if (choices_.take_deletion(entry)) entry.deleted = true;
    if (!entry.deleted) choices_.set_known(entry);
    return;
  }
  const LoadedConfig* loaded = entry.is_missing() ? nullptr : repository_.load(entry.config_path());
  if (loaded) entry.set_header(loaded->package);
  if (choices_.take_deletion(entry)) {
    entry.deleted = true;
    return;
  }
  choices_.set_known(entry);
  if (is_missing(node)) return;
  if (!loaded) {
    if (!entry.optional) not_found(node);
    entry.deleted = true;
    return;
  }
  if (loaded->defaults.empty() && !(is_root && !choices_.appended().empty())) return;
  refuse_cycle(node);
  expand_list(node, list_of(node, *loaded, is_root), interpolated);
}

void DefaultsTree::expand_list(TreeNode& node, std::vector<DefaultsEntry> list, bool interpolated) {
  note_overrides(list, node, interpolated);
  // Expanded last to first: an override is known before the entry it overrides is loaded.
  for (auto item = list.rbegin(); item != list.rend(); ++item) {
    if (item->is_self()) {
      add_self(node, *item);
      continue;
    }
    if (item->override_keyword) continue;
    choices_.apply(*item);
    if (item->is_options)
      add_options(node, *item, interpolated);
    else
      add_child(node, *item, interpolated);
  }
  // Interpolated choices come last: they may refer to any other choice of this list.
  for (const auto& child : node.children)
    if (child->children.empty() && child->entry.is_interpolation()) resolve_option(*child);
  std::reverse(node.children.begin(), node.children.end());
}

void DefaultsTree::add_self(TreeNode& node, const DefaultsEntry& entry) {
  auto child = std::make_unique<TreeNode>();
  child->entry = entry;
  child->parent = &node;
  node.children.push_back(std::move(child));
}

std::vector<DefaultsEntry> DefaultsTree::list_of(const TreeNode& node, const LoadedConfig& loaded,
                                                 bool is_root) {
  std::vector<DefaultsEntry> list = loaded.defaults;
  const auto selves = std::count_if(list.begin(), list.end(),
                                    [](const DefaultsEntry& item) { return item.is_self(); });
  if (selves > 1)
    throw ConfigError(node.entry.origin,
                      "duplicate _self_ in the defaults list of " + node.entry.config_path());
  const bool includes = std::any_of(
      list.begin(), list.end(), [](const DefaultsEntry& item) { return !item.override_keyword; });
  const bool appends = is_root && !choices_.appended().empty();
  if (selves == 0 && (includes || list.empty() || appends)) {
    list.push_back(DefaultsEntry::config("_self_"));
    list.back().implicit_self = true;
  }
  if (is_root) list.insert(list.end(), choices_.appended().begin(), choices_.appended().end());
  return list;
}

void DefaultsTree::note_overrides(std::vector<DefaultsEntry>& list, const TreeNode& node,
                                  bool interpolated) {
  const std::string group = node.entry.group_path();
  const std::string package = node.entry.final_package();
  const std::string path = node.entry.config_path();
  const DefaultsEntry* last_override = nullptr;
  for (DefaultsEntry& item : list) {
    if (item.is_self()) continue;
    item.set_parent(group, package);
    if (last_override && !item.override_keyword && !item.appended)
      throw ConfigError(item.origin, "in " + path + ": the override of " +
                                         last_override->override_key() + " comes before '" +
                                         item.override_key() + ": " + item.option_text() +
                                         "'; overrides come at the end of the defaults list");
    if (!item.is_group() || !item.override_keyword) continue;
    last_override = &item;
    if (interpolated)
      throw ConfigError(item.origin,
                        "in " + path + ": an override (" + item.override_key() +
                            ") is not allowed in a config that an interpolation chooses");
    choices_.add_override(path, item);
  }
}

void DefaultsTree::add_child(TreeNode& node, DefaultsEntry entry, bool interpolated) {
  auto child = std::make_unique<TreeNode>();
  child->entry = std::move(entry);
  child->parent = &node;
  node.children.push_back(std::move(child));
  TreeNode& added = *node.children.back();
  if (!added.entry.is_interpolation()) expand(added, false, interpolated);
}

void DefaultsTree::add_options(TreeNode& node, const DefaultsEntry& entry, bool interpolated) {
  for (auto option = entry.options.rbegin(); option != entry.options.rend(); ++option) {
    if (option->find("${") != std::string::npos)
      throw ConfigError(entry.origin, "in " + node.entry.config_path() +
                                          ": an interpolation is not allowed in a list of options");
    DefaultsEntry item = DefaultsEntry::config(entry.group + "/" + *option);
    item.package = entry.package;
    item.optional = entry.optional;
    item.origin = entry.origin;
    item.set_parent(node.entry.group_path(), node.entry.final_package());
    add_child(node, std::move(item), interpolated);
  }
}

void DefaultsTree::resolve_option(TreeNode& child) {
  DefaultsEntry& entry = child.entry;
  const std::string text = entry.is_group() ? *entry.option : entry.path;
  if (text.starts_with("${defaults."))
    throw ConfigError(entry.origin, text + " is the old form, write ${group}");
  Map known;
  for (const auto& [key, option] : choices_.known()) known.set(key, option);
  const Node root(std::move(known));
  std::string resolved;
  try {
    Evaluator evaluator(root);
    const Node value = evaluator.evaluate(text, evaluator.root());
    if (!value.is_string()) throw ConfigError("it is " + show(value) + ", not a string");
    resolved = value.text();
  } catch (const ConfigError& error) {
    throw ConfigError(entry.origin, "in " + child.parent->entry.config_path() +
                                        ": cannot resolve " + text + " of the defaults list: " +
                                        error.what() + "; known here: " + join(keys_of(root)));
  }
  if (entry.is_group())
    entry.option = resolved;
  else
    entry.path = resolved;
  expand(child, false, true);
}

void DefaultsTree::collect(const TreeNode& node, std::vector<FinalDefault>& list) const {
  if (!node.children.empty()) {
    for (const auto& child : node.children) collect(*child, list);
    return;
  }
  const DefaultsEntry& entry = node.entry;
  if (entry.type == DefaultsEntry::Type::root || entry.deleted || entry.is_missing() ||
      entry.is_null())
    return;
  const auto path_of = [](const TreeNode* of) { return of ? of->entry.config_path() : ""; };
  FinalDefault item;
  item.is_self = entry.is_self();
  item.implicit_self = entry.implicit_self;
  const TreeNode& content = item.is_self ? *node.parent : node;
  item.config_path = content.entry.config_path();
  item.package = content.entry.final_package();
  item.parent = path_of(content.parent);
  item.primary = content.entry.primary;
  if (!item.is_self && entry.is_group()) item.override_key = entry.override_key();
  if (item.config_path != kEmptyConfig) list.push_back(std::move(item));
}

DefaultsNode DefaultsTree::describe(const TreeNode& node) {
  DefaultsNode described;
  const DefaultsEntry& entry = node.entry;
  if (entry.type == DefaultsEntry::Type::root)
    described.label = "<root>";
  else if (entry.is_self())
    described.label = "_self_";
  else if (entry.is_group())
    described.label = entry.override_key() + ": " + entry.option_text();
  else
    described.label = entry.config_path();
  for (const auto& child : node.children) described.children.push_back(describe(*child));
  return described;
}

DefaultsNode DefaultsTree::describe() const { return describe(*root_); }

}  // namespace chitu::config
