#include "chitu_core/parallel/failure.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "chitu_core/common/throw_by_code.h"

namespace chitu::parallel {

std::string to_text(const Failure& failure) {
  const nlohmann::json json{{"rank", failure.rank}, {"code", failure.code}, {"text", failure.text}};
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Failure failure_from(const std::string& text) {
  const auto json = nlohmann::json::parse(text);
  return {json.at("rank"), json.at("code"), json.at("text")};
}

void raise(const Failure& failure) { throw_by_code(failure.code, failure.text); }

}  // namespace chitu::parallel
