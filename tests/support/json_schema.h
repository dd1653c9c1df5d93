#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace chitu::testing {

/// The places where a document does not match a JSON Schema, as "stages[0].name: expected string".
///
/// Knows the keywords of docs/metrics.schema.json: $ref to $defs, type, const, enum, minimum,
/// pattern, items, properties, required, additionalProperties. Stricter than the standard: an
/// object with properties and without additionalProperties has no other keys, so that each is
/// described.
std::vector<std::string> schema_errors(const nlohmann::json& document,
                                       const nlohmann::json& schema);

}  // namespace chitu::testing
