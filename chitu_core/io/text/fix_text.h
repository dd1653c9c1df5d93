#pragma once

#include <string>
#include <string_view>

namespace chitu::io {

/// Cleans text as ftfy.fix_text does with its default settings, line by line until nothing changes:
/// HTML entities (unless the text has a "<" before them), C1 control characters, Latin ligatures,
/// full and half width forms, curly quotes, line breaks, terminal escapes, control characters, NFC.
/// Not supported: the repair of text decoded with the wrong encoding ("mojibake").
/// source  ftfy 6.3, ftfy/fixes.py and ftfy/chardata.py
std::u32string fix_text(std::u32string_view text);

}  // namespace chitu::io
