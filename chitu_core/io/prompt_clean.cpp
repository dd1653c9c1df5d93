#include "chitu_core/io/prompt_clean.h"

#include <unicode/uchar.h>

#include "chitu_core/io/text/fix_text.h"
#include "chitu_core/io/text/html_unescape.h"
#include "chitu_core/io/utf8.h"

namespace chitu::io {
namespace {

std::u32string single_spaced(std::u32string_view text) {
  std::u32string out;
  bool space = false;
  for (const char32_t character : text) {
    const bool is_space = u_isUWhiteSpace(static_cast<UChar32>(character)) != 0;
    if (!is_space && space && !out.empty()) out += U' ';
    if (!is_space) out += character;
    space = is_space;
  }
  return out;
}

}  // namespace

std::string prompt_clean(std::string_view prompt) {
  require_utf8(prompt, "prompt");
  return to_utf8(single_spaced(html_unescape(html_unescape(fix_text(to_utf32(prompt))))));
}

}  // namespace chitu::io
