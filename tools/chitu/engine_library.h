#pragma once

#include <memory>
#include <optional>

#include "tools/chitu/engine_call.h"
#include "tools/chitu/exit_watch.h"

namespace chitu::tools {

/// The engine library (libchitu_commands.so beside the command), opened with the first call.
class EngineLibrary {
 public:
  /// Carries out a call. Returns the exit code.
  ///
  /// throws  SystemLimitError or Error when the library cannot be opened; what the work throws
  int run(const EngineCall& call);
  bool is_open() const { return session_ != nullptr; }

 private:
  std::optional<ExitWatch> exit_watch_;
  std::unique_ptr<EngineSession> session_;
};

}  // namespace chitu::tools
