#pragma once

#include <memory>
#include <string>
#include <vector>

#include "chitu_core/config/compose/defaults_entry.h"
#include "chitu_core/config/compose/group_choices.h"
#include "chitu_core/config/compose/repository.h"

namespace chitu::config {

/// One config of the final defaults list, which is in merge order.
struct FinalDefault {
  std::string config_path;
  std::string package;
  std::string parent;
  std::string override_key;
  bool is_self = false;
  bool implicit_self = false;
  bool primary = false;
};

/// Expands the defaults lists, starting at the primary config: which files are merged, in which
/// order, into which package.
class DefaultsTree {
 public:
  /// With `skip_missing`, groups that are still `???` are left out; else they are an error.
  DefaultsTree(Repository& repository, GroupChoices& choices, bool skip_missing);

  /// `config_name` may be empty. Throws ConfigError with the file and the configs that include it.
  std::vector<FinalDefault> walk(const std::string& config_name);

  /// The tree of the last walk, for `--info defaults-tree`.
  DefaultsNode describe() const;

 private:
  struct TreeNode {
    DefaultsEntry entry;
    TreeNode* parent = nullptr;
    std::vector<std::unique_ptr<TreeNode>> children;
  };

  void expand(TreeNode& node, bool is_root, bool interpolated);
  void expand_list(TreeNode& node, std::vector<DefaultsEntry> list, bool interpolated);
  static void add_self(TreeNode& node, const DefaultsEntry& entry);
  std::vector<DefaultsEntry> list_of(const TreeNode& node, const LoadedConfig& loaded,
                                     bool is_root);
  void note_overrides(std::vector<DefaultsEntry>& list, const TreeNode& node, bool interpolated);
  void add_child(TreeNode& node, DefaultsEntry entry, bool interpolated);
  void add_options(TreeNode& node, const DefaultsEntry& entry, bool interpolated);
  void resolve_option(TreeNode& child);
  bool is_missing(const TreeNode& node);
  void refuse_cycle(const TreeNode& node) const;
  [[noreturn]] void not_found(const TreeNode& node);
  std::string chain(const TreeNode& node) const;
  void collect(const TreeNode& node, std::vector<FinalDefault>& list) const;
  static DefaultsNode describe(const TreeNode& node);

  Repository& repository_;
  GroupChoices& choices_;
  bool skip_missing_;
  std::unique_ptr<TreeNode> root_;
  std::size_t count_ = 0;
};

}  // namespace chitu::config
