#pragma once

#include <unicode/regex.h>

#include <memory>
#include <string>
#include <vector>

#include "chitu_core/io/json.h"

namespace chitu::io {

/// Cuts a text at the matches of a regular expression; matches and what is between them are words.
/// White space is that of Unicode, as in the reference's expressions.
class RegexSplit {
 public:
  /// where, key  name the expression in errors
  /// throws      InputError for an expression that ICU does not accept
  RegexSplit(const std::string& expression, const JsonObject& where, const std::string& key);

  /// word  valid UTF-8
  void operator()(const std::string& word, std::vector<std::string>& out) const;

 private:
  std::shared_ptr<const icu::RegexPattern> pattern_;
};

}  // namespace chitu::io
