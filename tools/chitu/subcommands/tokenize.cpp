#include "chitu_core/common/registry.h"
#include "tools/chitu/plain_subcommand.h"
#include "tools/chitu/tokenize_call.h"

namespace chitu::tools {
namespace {

class Tokenize final : public PlainSubcommand<TokenizeCall> {
  Description describe() const override {
    return {SubcommandGroup::text,
            "turn JSON texts on standard input into token ids",
            "Turns a JSON array of texts on standard input into [{\"text\", \"ids\"}].",
            {{"echo '[\"a cat\"]' | chitu tokenize --ckpt-dir DIR", ""}}};
  }

  void declare(CLI::App& app, TokenizeCall& call) const override {
    app.add_option("--ckpt-dir", call.ckpt_dir, "a checkpoint in the diffusers layout")
        ->type_name("DIR")
        ->required();
  }
};

CHITU_REGISTER(Subcommand, Tokenize, "tokenize");

}  // namespace
}  // namespace chitu::tools
