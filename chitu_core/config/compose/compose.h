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

/// A directory that is searched for configuration files.
struct SearchPathEntry {
  std::filesystem::path path;
  std::string provider = "main";  ///< what added it, for `--info searchpath`
};

/// What to compose: the command line of a Hydra application.
struct ComposeRequest {
  /// The directory of the primary config, then others. The first one that has a file wins.
  std::vector<SearchPathEntry> search_path;
  /// The primary config without `.yaml`; empty starts from an empty config.
  std::string config_name;
  /// As typed: `db=mysql`, `+a.b=1`, `~c`.
  std::vector<std::string> overrides;
  /// Strings set without the override grammar (`--set-str KEY TEXT`).
  std::vector<std::pair<std::string, std::string>> texts;
  /// Ignores sweeps among the overrides and allows groups that are still `???`.
  bool multirun = false;
  /// Whether the program accepts new keys. If not, errors about unknown keys do not suggest +key.
  bool new_keys = true;
  /// `hydra.job.name` unless the configuration sets it.
  std::string job_name = "chitu";
  /// `hydra.job.num` and `hydra.job.id` of one job of a sweep.
  std::optional<int> job_num;
};

/// One config of the final defaults list.
struct ConfigStep {
  std::string config_path;  ///< "db/mysql"
  std::string package;      ///< "" at the root
  std::string parent;       ///< the config that includes it; "" for the primary config
  std::string file;         ///< its path, or "built-in"
  bool is_self = false;
  bool implicit_self = false;  ///< merged last because its defaults list has no _self_
  Node content;                ///< below its package; without the defaults list
};

/// A node of the tree of defaults lists, for `--info defaults-tree`.
struct DefaultsNode {
  std::string label;
  std::vector<DefaultsNode> children;
};

/// A composed configuration.
struct Composition {
  Node root;    ///< with the `hydra` node; interpolations unresolved
  Node config;  ///< for the program: without the `hydra` node
  std::vector<std::pair<std::string, Node>> choices;  ///< group -> option, as hydra.runtime.choices
  std::vector<std::string> task_overrides;
  std::vector<std::string> hydra_overrides;
  std::vector<SearchPathEntry> search_path;  ///< with the entries of hydra.searchpath
  std::vector<ConfigStep> steps;             ///< in the order they were merged
  DefaultsNode defaults_tree;
  std::vector<std::string> warnings;  ///< composes, but is probably a mistake

  /// A part of the configuration, with interpolations resolved: `read<T>(composition["infer"])`.
  View operator[](std::string_view path) const { return view()[path]; }
  /// The whole configuration of the program; `${hydra:...}` reads `root`.
  View view() const { return View(config, &root); }
  /// The `hydra` node; its interpolations read `root`.
  View hydra() const { return View(root, &root)["hydra"]; }
  /// The program's configuration with every interpolation resolved.
  Node resolved() const { return view().resolved(); }
};

/// Composes as hydra.compose does (version_base 1.3). Throws ConfigError.
Composition compose(const ComposeRequest& request);

}  // namespace chitu::config
