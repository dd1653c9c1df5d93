#pragma once

#include <string>
#include <string_view>

namespace chitu::io {

/// Replaces character references (&gt; &#62; &#x3e;) by their characters as HTML5 has it: some
/// names count without a semicolon, of which the longest prefix is taken, and numbers that HTML
/// forbids have replacements of their own. The same as Python's html.unescape.
/// source  HTML Living Standard, 13.2.5.72 to 13.2.5.80
std::u32string html_unescape(std::u32string_view text);

/// The characters of "name" in "&name;", or empty when HTML5 has no such name.
std::u32string_view html_entity(std::u32string_view name);

/// A C1 control character (0x80 to 0x9f) as the character that Windows-1252 has in its place, where
/// it has one; any other character as it is.
char32_t windows_1252_for_c1(char32_t character);

}  // namespace chitu::io
