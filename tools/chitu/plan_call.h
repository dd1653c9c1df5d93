#pragma once

#include <optional>
#include <string>

#include "chitu_core/config/compose/compose.h"

namespace chitu::tools {

/// Arguments of `chitu plan` for the engine library.
struct PlanCall {
  static constexpr const char* kCommand = "plan";
  config::Composition composition{};
  std::string format = "table";      ///< table, json, csv, markdown
  std::optional<std::string> fit{};  ///< the limit to find sizes for
  bool explain = false;              ///< show what makes up the peaks
  bool placement = false;            ///< print only the memory plans
};

}  // namespace chitu::tools
