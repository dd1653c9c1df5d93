#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/chitu/batch/job_list.h"

namespace chitu::tools {

/// The field of an entry that holds overrides.
inline constexpr std::string_view kOverrides = "overrides";

/// The key that a field of an entry sets: request.seed for seed. A key of another group stays as it
/// is.
std::string job_key(std::string_view field);

/// Whether the value of a key is a text, which CSV takes as it stands.
bool is_text_key(std::string_view key);

/// Adds a value to an entry.
///
/// throws  config::ConfigError when the entry already has it
void add_field(JobEntry& entry, JobField field);

/// Adds overrides: one, or a list of them. They win over the fields of the entry.
///
/// throws  config::ConfigError for what is no override of a value
void add_overrides(JobEntry& entry, const config::Node& overrides);

/// The value of a cell of CSV: a text for a text key, else as in an override. What is no value of
/// an override is a text as well.
config::Node cell_value(const std::string& key, const std::string& text,
                        const config::Origin& origin);

}  // namespace chitu::tools
