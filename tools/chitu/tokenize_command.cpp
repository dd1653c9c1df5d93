#include <filesystem>
#include <iostream>
#include <iterator>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/io/tokenizer.h"
#include "tools/chitu/engine_command.h"
#include "tools/chitu/tokenize_call.h"

namespace chitu::tools {
namespace {

class TokenizeCommand final : public EngineCommandFor<TokenizeCall> {
  int execute(const TokenizeCall& call, SessionState&) const override {
    if (const auto problem = folder_problem(call.ckpt_dir))
      throw InputError("--ckpt-dir " + call.ckpt_dir + ": " + *problem +
                       ", expected a checkpoint in the diffusers layout");
    const auto folder = std::filesystem::path(call.ckpt_dir) / "tokenizer";
    if (folder_problem(folder))
      throw InputError("--ckpt-dir " + call.ckpt_dir + ": has no folder tokenizer");
    const auto tokenizer = io::Tokenizer::load(folder);
    const std::string texts(std::istreambuf_iterator<char>(std::cin), {});
    std::cout << io::tokenize_json(*tokenizer, texts) << "\n";
    return 0;
  }
};

CHITU_REGISTER(EngineCommand, TokenizeCommand, TokenizeCall::kCommand);

}  // namespace
}  // namespace chitu::tools
