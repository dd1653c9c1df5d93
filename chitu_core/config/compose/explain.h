#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/config/compose/compose.h"

namespace chitu::config {

/// One thing that set a value on its way.
struct Explanation {
  std::string place;   ///< "conf/db/mysql.yaml:3:7" or the override
  std::string config;  ///< "db/mysql", "" for an override
  Node value;          ///< as written there
};

/// The chain of files and overrides that gave `key` its value, first to last; the last one won.
/// Throws ConfigError, with the nearest key, when the configuration has no such key.
std::vector<Explanation> explain(const Composition& composition, std::string_view key);

/// The whole configuration, each leaf with the place it comes from: `db.port: 3306  # file:3:7`.
std::string annotated(const Composition& composition);

/// The leaves that differ between two trees: `- key: old`, `+ key: new`; "" when there is none.
std::string difference(const Node& before, const Node& after);

}  // namespace chitu::config
