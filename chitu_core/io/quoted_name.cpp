#include "chitu_core/io/quoted_name.h"

#include <nlohmann/json.hpp>

#include "chitu_core/common/utf8.h"

namespace chitu::io {

std::string quoted_name(const std::string& name) {
  using Json = nlohmann::json;
  const std::string text = Json(name).dump(-1, ' ', false, Json::error_handler_t::replace);
  constexpr std::size_t kMost = 200;
  if (text.size() <= kMost) return text;
  std::string beginning = shortened(text, kMost);
  beginning += '"';
  return beginning;
}

}  // namespace chitu::io
