#include <iostream>
#include <nlohmann/json.hpp>

#include "chitu_core/common/files.h"
#include "chitu_core/common/output_path.h"
#include "pipelines/compare/comparison_html.h"
#include "pipelines/compare/comparison_text.h"
#include "tools/chitu/compare_call.h"
#include "tools/chitu/engine_command.h"

namespace chitu::tools {
namespace {

constexpr auto kReplaceBadBytes = nlohmann::json::error_handler_t::replace;  // of names of files

class CompareCommand final : public EngineCommandFor<CompareCall> {
  int execute(const CompareCall& call, SessionState&) const override {
    const auto tolerance = pipelines::Tolerance::parse(call.tolerance);
    if (!call.html.empty()) check_output_file("--html " + call.html, call.html);
    const auto comparison = pipelines::compare_sources(call.a, call.b, tolerance);
    if (!call.html.empty()) write_file(call.html, pipelines::to_html(comparison));
    if (call.json)
      std::cout << pipelines::to_json(comparison).dump(1, ' ', false, kReplaceBadBytes) << "\n";
    else
      std::cout << pipelines::to_text(comparison);
    return comparison.beyond.empty() ? 0 : 1;
  }
};

CHITU_REGISTER(EngineCommand, CompareCommand, CompareCall::kCommand);

}  // namespace
}  // namespace chitu::tools
