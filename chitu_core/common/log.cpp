#include "chitu_core/common/log.h"

#include <spdlog/spdlog.h>

#include <mutex>

#include "chitu_core/common/own_logger.h"

namespace chitu {

std::shared_ptr<spdlog::logger> logger(std::string_view area) {
  static std::mutex making;  // only one thread may register a new area
  const std::lock_guard lock(making);
  const std::string name = "chitu." + std::string(area);
  if (auto found = spdlog::get(name)) return found;
  const auto own = spdlog::get(kOwnLogger);
  auto made = (own ? own : spdlog::default_logger())->clone(name);
  spdlog::initialize_logger(made);
  if (own) made->set_level(own->level());
  return made;
}

}  // namespace chitu
