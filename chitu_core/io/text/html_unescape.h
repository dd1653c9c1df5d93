#pragma once

#include <string>
#include <string_view>

namespace chitu::io {

/// Replaces character references (&gt; &#62; &#x3e;) by their characters as in HTML5: some names
/// are valid without a semicolon (the longest prefix is used), and forbidden numbers have their own
/// replacements. Equals Python's html.unescape.
/// source  HTML Living Standard, 13.2.5.72 to 13.2.5.80
std::u32string html_unescape(std::u32string_view text);

/// The characters for "name" in "&name;", or empty if HTML5 has no such name.
std::u32string_view html_entity(std::u32string_view name);

/// For a C1 control character (0x80 to 0x9f) the character of Windows-1252, if there is one; else
/// the same character.
char32_t windows_1252_for_c1(char32_t character);

}  // namespace chitu::io
