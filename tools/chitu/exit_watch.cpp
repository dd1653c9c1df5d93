#include "tools/chitu/exit_watch.h"

#include <cstdlib>
#include <memory>

#include "chitu_core/common/error.h"

namespace chitu::tools {
namespace {

void at_exit(int, void* argument) {
  const std::unique_ptr<const bool> over(static_cast<const bool*>(argument));
  if (!*over) std::_Exit(exit_codes::kOutOfMemory);
}

}  // namespace

ExitWatch::ExitWatch() : over_(new bool(false)) { ::on_exit(at_exit, over_); }

ExitWatch::~ExitWatch() { *over_ = true; }

}  // namespace chitu::tools
