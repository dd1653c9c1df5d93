#pragma once

#include <any>
#include <memory>
#include <string>
#include <utility>

namespace chitu::tools {

/// Work for the engine library: the name of a command there, and its arguments, such as a PlanCall.
struct EngineCall {
  std::string command;
  std::any given;
};

/// A Call names its command in `Call::kCommand`.
template <class Call>
EngineCall engine_call(Call call) {
  return {Call::kCommand, std::move(call)};
}

/// The engine library, for as long as a process uses it. Calls share objects that are worth
/// keeping, such as the model between the jobs of a sweep.
class EngineSession {
 public:
  virtual ~EngineSession() = default;
  /// Returns the exit code.
  ///
  /// throws  Error for an unknown command; what the work throws
  virtual int run(const EngineCall& call) = 0;
};

}  // namespace chitu::tools

/// The one entry of the engine library, which the command opens only when a subcommand needs it:
/// loading libtorch takes longer than composing a configuration. The caller owns the session.
extern "C" chitu::tools::EngineSession* chitu_open_engine();
