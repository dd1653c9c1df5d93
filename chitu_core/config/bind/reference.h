#pragma once

#include <string>
#include <vector>

#include "chitu_core/config/bind/binder.h"

namespace chitu::config {

/// The fields as a help text: one line each, `key: default  (type, rule) help`, nested ones with
/// their dotted keys.
std::string fields_help(const std::vector<FieldInfo>& fields);

/// The fields as a Markdown table of all keys.
std::string fields_markdown(const std::vector<FieldInfo>& fields);

/// A JSON Schema (draft 2020-12) of a YAML file with these fields; editors check and complete with
/// it. Interpolations and `???` are allowed everywhere.
Node fields_schema(const std::vector<FieldInfo>& fields, const std::string& title);

}  // namespace chitu::config
