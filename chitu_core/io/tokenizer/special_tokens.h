#pragma once

#include <filesystem>
#include <string>

namespace chitu::io {

/// The text of a special token such as pad_token, from special_tokens_map.json and
/// tokenizer_config.json, of which the latter wins.
///
/// fallback  if neither file names it
/// throws    InputError for a file that is damaged
std::string special_token_text(const std::filesystem::path& folder, const std::string& key,
                               const std::string& fallback);

}  // namespace chitu::io
