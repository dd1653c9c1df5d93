#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chitu_core/config/interpolate/view.h"
#include "chitu_core/config/value/node.h"

namespace chitu::config {

/// One place where configuration files are looked for.
struct SearchPathEntry {
  std::filesystem::path path;
  std::string provider = "main";  ///< who put it there, for `--info searchpath`
};

/// What to compose, as a Hydra application is told on its command line.
struct ComposeRequest {
  /// First the directory of the primary config, then further ones; the first that has a file wins.
  std::vector<SearchPathEntry> search_path;
  /// The primary config, `.yaml` left out; empty composes from nothing.
  std::string config_name;
  /// As typed: `db=mysql`, `+a.b=1`, `~c`.
  std::vector<std::string> overrides;
  /// Values set without the override grammar (`--set-str KEY TEXT`): the text is taken as it is.
  std::vector<std::pair<std::string, std::string>> texts;
  /// Allows sweeps among the overrides (they are left out) and groups that are still `???`.
  bool multirun = false;
  /// Whether keys that no config has are of use; if not, the error of one does not advise +key.
  bool new_keys = true;
  /// `hydra.job.name` when the configuration does not say.
  std::string job_name = "chitu";
  /// `hydra.job.num` and `hydra.job.id` of one job of a sweep.
  std::optional<int> job_num;
};

/// One file, or one built-in, of the final defaults list.
struct ConfigStep {
  std::string config_path;  ///< "db/mysql"
  std::string package;      ///< "" at the root
  std::string parent;       ///< config that includes it, "" for the primary
  std::string file;         ///< path as found, or "built-in"
  bool is_self = false;
  bool implicit_self = false;  ///< placed last because its list has no _self_
  Node content;                ///< at its package; without the defaults list
};

/// A node of the tree of defaults lists, for `--info defaults-tree`.
struct DefaultsNode {
  std::string label;
  std::vector<DefaultsNode> children;
};

/// A composed configuration.
struct Composition {
  Node root;    ///< everything, with the `hydra` node; interpolations as written
  Node config;  ///< what the program sees: without the `hydra` node
  std::vector<std::pair<std::string, Node>> choices;  ///< group -> option, as hydra.runtime.choices
  std::vector<std::string> task_overrides;
  std::vector<std::string> hydra_overrides;
  std::vector<SearchPathEntry> search_path;  ///< with hydra.searchpath's entries and the built-in
  std::vector<ConfigStep> steps;             ///< in the order they were merged
  DefaultsNode defaults_tree;
  std::vector<std::string> warnings;  ///< what composes, but probably not as meant

  /// A part of the configuration, interpolations read through: `read<T>(composition["infer"])`.
  View operator[](std::string_view path) const { return view()[path]; }
  /// The program's configuration as a whole; `${hydra:...}` reads `root`.
  View view() const { return View(config, &root); }
  /// The `hydra` node, resolved against everything.
  View hydra() const { return View(root, &root)["hydra"]; }
  /// The program's configuration with every interpolation resolved.
  Node resolved() const { return view().resolved(); }
};

/// Composes as hydra.compose does (version_base 1.3). Throws ConfigError.
Composition compose(const ComposeRequest& request);

}  // namespace chitu::config
