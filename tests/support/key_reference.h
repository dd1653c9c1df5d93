#pragma once

#include <functional>
#include <string>
#include <vector>

#include "chitu_core/config/bind/binder.h"

namespace chitu::testing {

using Visit = std::function<void(const std::string& key, const config::FieldInfo& field)>;
/// Visits the fields without children below the key `at`.
void each_leaf(const std::vector<config::FieldInfo>& fields, const std::string& at,
               const Visit& visit);

/// The fields as a Markdown table of all keys.
std::string fields_markdown(const std::vector<config::FieldInfo>& fields);

/// A JSON Schema (draft 2020-12) of a YAML file with these fields, for editors. Every key also
/// takes an interpolation or `???`.
config::Node fields_schema(const std::vector<config::FieldInfo>& fields, const std::string& title);

}  // namespace chitu::testing
