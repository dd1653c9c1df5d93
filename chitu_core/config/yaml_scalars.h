#pragma once

#include "chitu_core/config/yaml_reader.h"
#include "chitu_core/config/yaml_token.h"

namespace chitu::config {

/// Reads a quoted scalar; the reader stands on the quote.
YamlToken scan_quoted(YamlReader& reader);

/// Reads a `|` or `>` scalar inside a block of this indentation.
YamlToken scan_block(YamlReader& reader, int indent);

/// Reads a plain scalar. `line_broken` tells whether a line break was passed after its first word.
YamlToken scan_plain(YamlReader& reader, int indent, bool flow, bool& line_broken);

/// Skips blanks and a comment up to the end of the line; throws when something else is there.
void skip_rest_of_line(YamlReader& reader, const char* after);

}  // namespace chitu::config
