#include "tests/support/json_schema.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>

namespace chitu::testing {
namespace {

using nlohmann::json;

bool has_type(const json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_boolean();
  return type == "null" && value.is_null();
}

class Validator {
 public:
  explicit Validator(const json& root) : root_(root) {}

  void check(const json& value, const json& schema, const std::string& at) {
    if (schema.is_boolean()) return;
    if (schema.contains("$ref")) check(value, resolved(schema["$ref"]), at);
    check_value(value, schema, at);
    if (value.is_array() && schema.contains("items"))
      for (std::size_t i = 0; i < value.size(); ++i)
        check(value[i], schema["items"], at + "[" + std::to_string(i) + "]");
    if (value.is_object()) check_object(value, schema, at);
  }

  std::vector<std::string> errors;

 private:
  const json& resolved(const std::string& reference) const {
    return root_.at(json::json_pointer(reference.substr(1)));
  }

  void check_value(const json& value, const json& schema, const std::string& at) {
    if (schema.contains("type")) {
      const json types = schema["type"].is_array() ? schema["type"] : json::array({schema["type"]});
      if (std::ranges::none_of(types, [&](const json& type) { return has_type(value, type); }))
        errors.push_back(at + ": expected " + types.dump());
    }
    if (schema.contains("const") && value != schema["const"])
      errors.push_back(at + ": expected " + schema["const"].dump());
    if (schema.contains("enum") && std::ranges::count(schema["enum"], value) == 0)
      errors.push_back(at + ": expected one of " + schema["enum"].dump());
    if (schema.contains("minimum") && value.is_number() && value < schema["minimum"])
      errors.push_back(at + ": expected at least " + schema["minimum"].dump());
    if (schema.contains("pattern") && value.is_string() &&
        !std::regex_search(value.get<std::string>(), std::regex(schema["pattern"])))
      errors.push_back(at + ": expected the form " + schema["pattern"].dump());
  }

  void check_object(const json& value, const json& schema, const std::string& at) {
    const json known = schema.value("properties", json::object());
    for (const json& key : schema.value("required", json::array()))
      if (!value.contains(key)) errors.push_back(at + ": lacks " + key.get<std::string>());
    for (const auto& [key, member] : value.items()) {
      const std::string place = at.empty() ? key : at + "." + key;
      if (known.contains(key))
        check(member, known[key], place);
      else if (schema.contains("additionalProperties"))
        check(member, schema["additionalProperties"], place);
      else if (schema.contains("properties"))
        errors.push_back(place + ": is not described");
    }
  }

  const json& root_;
};

}  // namespace

std::vector<std::string> schema_errors(const json& document, const json& schema) {
  Validator validator(schema);
  validator.check(document, schema, "");
  return std::move(validator.errors);
}

}  // namespace chitu::testing
