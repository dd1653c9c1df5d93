#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/config/compose/compose.h"

namespace chitu::config {

/// A file or override that set a value.
struct Explanation {
  std::string place;   ///< "conf/db/mysql.yaml:3:7" or the override
  std::string config;  ///< "db/mysql", "" for an override
  Node value;          ///< as written there
};

/// The files and overrides that set `key`, in order; the last one wins. Throws ConfigError, with
/// the nearest key, when the configuration has no such key.
std::vector<Explanation> explain(const Composition& composition, std::string_view key);

/// The whole configuration, each leaf with its origin: `db.port: 3306  # file:3:7`.
std::string annotated(const Composition& composition);

/// The leaves that differ between two trees, as `- key: old` and `+ key: new`; "" when equal.
std::string difference(const Node& before, const Node& after);

}  // namespace chitu::config
