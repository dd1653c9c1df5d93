#include "chitu_core/parallel/agreement.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

namespace chitu::parallel {
namespace {

std::string value_text(const std::map<std::string, std::string>& facts, const std::string& name) {
  const auto found = facts.find(name);
  return found == facts.end() ? "nothing" : found->second;
}

}  // namespace

std::string to_text(const Facts& facts) {
  return nlohmann::json(facts).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Facts facts_from(const std::string& text) { return nlohmann::json::parse(text).get<Facts>(); }

std::optional<std::string> first_difference(int rank, const Facts& own, const Facts& of_rank_0,
                                            int first_rank) {
  if (own == of_rank_0) return std::nullopt;
  const std::map<std::string, std::string> here(own.begin(), own.end());
  const std::map<std::string, std::string> there(of_rank_0.begin(), of_rank_0.end());
  for (const Facts* facts : {&own, &of_rank_0})
    for (const auto& [name, value] : *facts)
      if (value_text(here, name) != value_text(there, name))
        return fmt::format("rank {} differs from rank {} in {}: {}, not {}", first_rank + rank,
                           first_rank, name, value_text(here, name), value_text(there, name));
  return std::nullopt;
}

}  // namespace chitu::parallel
