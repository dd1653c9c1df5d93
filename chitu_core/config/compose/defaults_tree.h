#pragma once

#include <memory>
#include <string>
#include <vector>

#include "chitu_core/config/compose/defaults_entry.h"
#include "chitu_core/config/compose/group_choices.h"
#include "chitu_core/config/compose/repository.h"

namespace chitu::config {

/// One configuration of the final list, in the order they are merged.
struct FinalDefault {
  std::string config_path;
  std::string package;
  std::string parent;
  std::string override_key;
  bool is_self = false;
  bool implicit_self = false;
  bool primary = false;
};

/// Walks the defaults lists from the primary config down: which files are loaded, in which order,
/// to which package.
class DefaultsTree {
 public:
  /// `skip_missing` leaves groups that are still `???` out instead of failing.
  DefaultsTree(Repository& repository, GroupChoices& choices, bool skip_missing);

  /// `config_name` may be empty. Throws ConfigError with the file and the chain that led there.
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
