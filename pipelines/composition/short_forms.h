#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace chitu::pipelines {

/// The keys of a request that may be written without `request.`.
const std::vector<std::string>& short_forms();

/// Whether a key is one of them.
bool is_short_form(std::string_view key);

/// The key of `key=value`, without + and ~; empty when there is no `=`.
std::string_view key_of_override(std::string_view override);

/// Quotes the value of `output.name={index}-{seed}`, whose braces Hydra's grammar would read as a
/// map; other overrides stay as typed.
std::string quote_template(const std::string& override);

/// Writes `prompt=...` and the other short forms as `request.prompt=...`, and templates as
/// quote_template() does; other overrides stay as typed.
std::string expand_short_form(const std::string& override);

}  // namespace chitu::pipelines
