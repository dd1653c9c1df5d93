#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/device/errors.h"
#include "tools/chitu/engine_command.h"

namespace chitu::tools {
namespace {

const EngineCommand& command_named(const std::string& name) {
  const auto& commands = Registry<EngineCommand>::instance();
  if (const EngineCommand* found = commands.find(name)) return *found;
  throw Error("the engine library has no command " + name + "; it has " + join(commands.names()));
}

class Session final : public EngineSession {
 public:
  int run(const EngineCall& call) override {
    return device::with_own_errors(
        [&] { return command_named(call.command).run(call.given, state_); });
  }

 private:
  SessionState state_;
};

}  // namespace
}  // namespace chitu::tools

chitu::tools::EngineSession* chitu_open_engine() { return new chitu::tools::Session; }
