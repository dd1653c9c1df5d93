#pragma once

#include "chitu_core/common/registry.h"
#include "tools/chitu/engine_call.h"
#include "tools/chitu/session_state.h"

namespace chitu::tools {

/// What the engine library does for a subcommand. A command registers itself under the name that
/// its calls have.
class EngineCommand {
 public:
  virtual ~EngineCommand() = default;
  virtual int run(const std::any& given, SessionState& state) const = 0;
};

/// A command that takes calls of this type.
template <class Call>
class EngineCommandFor : public EngineCommand {
 public:
  int run(const std::any& given, SessionState& state) const final {
    return execute(std::any_cast<const Call&>(given), state);
  }

 protected:
  virtual int execute(const Call& call, SessionState& state) const = 0;
};

}  // namespace chitu::tools
