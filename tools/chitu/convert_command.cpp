#include <fmt/format.h>

#include <iostream>
#include <utility>
#include <vector>

#include "chitu_core/common/bytes.h"
#include "chitu_core/common/error.h"
#include "chitu_core/common/expected.h"
#include "chitu_core/common/interrupted_by.h"
#include "pipelines/composition/shipped_configs.h"
#include "pipelines/convert/convert.h"
#include "tools/chitu/console.h"
#include "tools/chitu/convert_call.h"
#include "tools/chitu/engine_command.h"
#include "tools/chitu/interrupt.h"

namespace chitu::tools {
namespace {

using pipelines::ConvertLayout;

template <class Value>
Value value_of(const std::string& flag, const std::string& given,
               const std::vector<std::pair<std::string, Value>>& known) {
  std::vector<std::string> names;
  for (const auto& [name, value] : known) {
    if (name == given) return value;
    names.push_back(name);
  }
  throw InputError(fmt::format("{} {}: {}", flag, given, expected_one_of(given, names)));
}

pipelines::ModelFiles files_of(const std::vector<std::string>& given) {
  pipelines::ModelFiles files;
  for (const std::string& text : given) {
    const std::size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == text.size())
      throw InputError(
          fmt::format("--file {}: expected COMPONENT=FILE, as vae=vae.safetensors", text));
    if (!files.emplace(text.substr(0, equals), text.substr(equals + 1)).second)
      throw InputError(fmt::format("--file {}: {} is given twice", text, text.substr(0, equals)));
  }
  return files;
}

/// A folder, or the name of one that ships.
std::filesystem::path source_of(const std::string& given) {
  std::error_code ignored;
  if (std::filesystem::exists(given, ignored)) return given;
  const auto shipped = pipelines::data_folder() / "assets" / given;
  return given.find('/') == std::string::npos && std::filesystem::is_directory(shipped, ignored)
             ? shipped
             : std::filesystem::path(given);
}

pipelines::ConvertOptions options_of(const ConvertCall& call) {
  pipelines::ConvertOptions options;
  options.source = source_of(call.source);
  options.target = call.target;
  options.files = files_of(call.files);
  options.dtype = value_of<c10::ScalarType>("--dtype", call.dtype,
                                            {{"bfloat16", c10::kBFloat16},
                                             {"fp8_e4m3", c10::kFloat8_e4m3fn},
                                             {"float16", c10::kHalf},
                                             {"float32", c10::kFloat}});
  options.layout = value_of<ConvertLayout>(
      "--layout", call.layout,
      {{"streaming", ConvertLayout::streaming}, {"stored", ConvertLayout::stored}});
  return options;
}

class ConvertCommand final : public EngineCommandFor<ConvertCall> {
  int execute(const ConvertCall& call, SessionState&) const override {
    auto options = options_of(call);
    options.begins = [](const std::string& component, std::int64_t from, std::int64_t to) {
      if (!console::is_quiet())
        std::cerr << fmt::format("{}: {} -> {}\n", component, format_bytes(from), format_bytes(to));
    };
    const Interrupt interrupt;
    options.stop = interrupt.token();
    try {
      pipelines::convert_checkpoint(options);
    } catch (const Interrupted& error) {
      throw InterruptedBy(interrupt.signal(), error.what());
    }
    std::cout << call.target << "\n";
    return 0;
  }
};

CHITU_REGISTER(EngineCommand, ConvertCommand, ConvertCall::kCommand);

}  // namespace
}  // namespace chitu::tools
