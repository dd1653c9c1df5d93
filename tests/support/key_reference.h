#pragma once

#include <string>
#include <vector>

#include "chitu_core/config/bind/binder.h"

namespace chitu::testing {

/// The fields as a Markdown table of all keys.
std::string fields_markdown(const std::vector<config::FieldInfo>& fields);

/// A JSON Schema (draft 2020-12) of a YAML file with these fields, for editors. Every key also
/// takes an interpolation or `???`.
config::Node fields_schema(const std::vector<config::FieldInfo>& fields, const std::string& title);

}  // namespace chitu::testing
