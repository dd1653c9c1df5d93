#include "chitu_core/common/expected.h"

#include "chitu_core/common/nearest.h"

namespace chitu {

std::string expected_one_of(std::string_view name, const std::vector<std::string>& known) {
  return "expected one of " + join(known) + did_you_mean(name, known);
}

std::string near_or_all(std::string_view name, const std::vector<std::string>& known) {
  const std::string near = did_you_mean(name, known);
  return near.empty() && !known.empty() ? ", " + expected_one_of(name, known) : near;
}

}  // namespace chitu
