#include "chitu_core/common/log.h"

#include <spdlog/spdlog.h>

#include <mutex>

namespace chitu {

std::shared_ptr<spdlog::logger> logger(std::string_view area) {
  static std::mutex making;  // only one thread may register a new area
  const std::lock_guard lock(making);
  const std::string name = "chitu." + std::string(area);
  if (auto found = spdlog::get(name)) return found;
  auto made = spdlog::default_logger()->clone(name);
  spdlog::initialize_logger(made);
  return made;
}

}  // namespace chitu
