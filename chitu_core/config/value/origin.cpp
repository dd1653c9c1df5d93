#include "chitu_core/config/value/origin.h"

namespace chitu::config {

const std::string& Origin::file() const {
  static const std::string nowhere;
  return text ? *text : nowhere;
}

std::string to_string(const Origin& origin) {
  if (origin.kind == Origin::Kind::file && origin.line > 0)
    return origin.file() + ":" + std::to_string(origin.line);
  return origin.file();
}

std::string to_string_with_column(const Origin& origin) {
  std::string place = to_string(origin);
  if (origin.kind == Origin::Kind::file && origin.line > 0 && origin.column > 0)
    place += ":" + std::to_string(origin.column);
  return place;
}

}  // namespace chitu::config
