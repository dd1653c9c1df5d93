#include "tools/chitu/engine_command.h"
#include "tools/chitu/rank_calls.h"
#include "tools/chitu/rank_session.h"

namespace chitu::tools {
namespace {

class JoinCommand final : public EngineCommandFor<JoinCall> {
  int execute(const JoinCall& call, SessionState& state) const override {
    if (!state.interrupt) state.interrupt.emplace();
    auto settings = config::read<pipelines::Settings>(call.composition.view());
    state.ranks = join_ranks(settings);
    if (state.ranks) state.ranks->agree({{"the number of jobs", std::to_string(call.jobs)}});
    return 0;
  }
};

class ShareCommand final : public EngineCommandFor<ShareCall> {
  int execute(const ShareCall& call, SessionState& state) const override {
    *call.text = text_of_first(state.ranks.get(), [&] { return *call.text; });
    return 0;
  }
};

class LeaveCommand final : public EngineCommandFor<LeaveCall> {
  int execute(const LeaveCall&, SessionState& state) const override {
    if (state.ranks && !state.ranks->monitor().failure())
      state.ranks->monitor().finish(state.interrupt->token());
    return 0;
  }
};

CHITU_REGISTER(EngineCommand, JoinCommand, JoinCall::kCommand);
CHITU_REGISTER(EngineCommand, ShareCommand, ShareCall::kCommand);
CHITU_REGISTER(EngineCommand, LeaveCommand, LeaveCall::kCommand);

}  // namespace
}  // namespace chitu::tools
