#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "chitu_core/config/compose/compose.h"

namespace chitu::tools {

/// One job as it is composed: what its groups `request` and `output` hold.
struct BatchJob {
  std::size_t index = 0;  ///< in the whole list, from 0
  std::string place;      ///< for messages: "jobs.yaml:7"
  config::Node request, output;
};

/// A list of jobs with the configuration that they share.
struct BatchList {
  config::Composition composition{};  ///< of the batch, without any job
  std::vector<BatchJob> jobs{};       ///< in the order of the list
  std::string name{};                 ///< of the list: "jobs.yaml"
  std::string stem{};                 ///< the default name of the folder: "jobs"
  /// Flags that say from what the configuration is composed, as RunCall has them.
  std::vector<std::string> compose_flags{};
};

/// `chitu batch`: generates the media of a list of jobs.
struct BatchCall {
  static constexpr const char* kCommand = "batch";
  BatchList list{};
  std::string format = "table";  ///< of the summary: table, json, csv
  bool retry_failed = false;
  bool dry_run = false;  ///< check everything, print the list, and generate nothing
};

/// `chitu plan LIST`: what the whole batch would take.
struct BatchPlanCall {
  static constexpr const char* kCommand = "plan_batch";
  BatchList list{};
  std::string format = "table";  ///< table or json
};

}  // namespace chitu::tools
