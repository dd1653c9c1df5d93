#pragma once

#include <string_view>

namespace chitu::io {

/// Every named character reference of HTML5 as "name=hex[+hex]", separated by spaces and sorted.
extern const std::string_view kHtmlEntities;

/// The names among them that also count without their semicolon, separated by spaces.
extern const std::string_view kBareHtmlEntities;

}  // namespace chitu::io
