#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/headeronly/version.h>

#include <iostream>

#include "chitu_core/common/cpu_capability.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/device/device.h"
#include "chitu_core/device/host_memory.h"
#include "chitu_core/memory/strategy.h"
#include "chitu_core/models/schedulers/scheduler.h"
#include "chitu_core/nn/attention.h"
#include "tools/chitu/engine_command.h"
#include "tools/chitu/info_call.h"

namespace chitu::tools {
namespace {

template <class Value>
void print_line(const char* what, const Value& value) {
  std::cout << fmt::format("{:<20} {}\n", what, value);
}

template <class Entry>
std::string registered() {
  return join(Registry<Entry>::instance().names());
}

std::string cpu_text() {
  return join({"instructions " + to_string(cpu_capability()),
               "of the machine " + to_string(machine_capability()),
               std::string("products of bfloat16 in ") +
                   (has_bfloat16_instructions() ? "bfloat16" : "float32")});
}

class InfoCommand final : public EngineCommandFor<InfoCall> {
  int execute(const InfoCall&, SessionState&) const override {
    print_line("chitu", CHITU_VERSION);
    print_line("libtorch", TORCH_VERSION);
    print_line("CPU threads", at::get_num_threads());
    print_line("CPU", cpu_text());
    print_line("devices", join(device::available()));
    for (const std::string& found : device::describe(device::host_memory()))
      print_line("memory", found);
    print_line("pipelines", registered<pipelines::PipelineFamily>());
    print_line("schedulers", registered<models::SchedulerClass>());
    print_line("attention backends", join(nn::attention_names()));
    print_line("memory strategies", registered<memory::Strategy>());
    return 0;
  }
};

CHITU_REGISTER(EngineCommand, InfoCommand, InfoCall::kCommand);

}  // namespace
}  // namespace chitu::tools
