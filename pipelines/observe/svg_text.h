#pragma once

#include <string>
#include <string_view>

namespace chitu::pipelines {

/// Text between the tags of a picture.
inline std::string svg_escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '&')
      result += "&amp;";
    else if (c == '<')
      result += "&lt;";
    else if (c == '>')
      result += "&gt;";
    else
      result += c;
  }
  return result;
}

}  // namespace chitu::pipelines
