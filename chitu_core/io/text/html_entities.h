#pragma once

#include <string_view>

namespace chitu::io {

/// Every named character reference of HTML5 as "name=hex[+hex]", separated by spaces and sorted.
extern const std::string_view kHtmlEntities;

/// The names that are also valid without a semicolon, separated by spaces.
extern const std::string_view kBareHtmlEntities;

}  // namespace chitu::io
