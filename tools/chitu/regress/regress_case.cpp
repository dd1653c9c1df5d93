#include "tools/chitu/regress/regress_case.h"

namespace chitu::tools {

std::string RegressCase::about(const std::string& problem) const {
  return to_string(origin) + ": case " + name + ": " + problem;
}

}  // namespace chitu::tools
