#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/headeronly/version.h>

#include <iostream>
#include <nlohmann/json.hpp>

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

using nlohmann::ordered_json;

template <class Entry>
std::vector<std::string> registered() {
  return Registry<Entry>::instance().names();
}

/// Everything that `chitu info` knows.
ordered_json facts() {
  const device::HostMemory memory = device::host_memory();
  return {{"chitu", CHITU_VERSION},
          {"libtorch", TORCH_VERSION},
          {"cpu",
           {{"threads", at::get_num_threads()},
            {"instructions", to_string(cpu_capability())},
            {"machine_instructions", to_string(machine_capability())},
            {"bfloat16_products", has_bfloat16_instructions() ? "bfloat16" : "float32"}}},
          {"devices", device::available()},
          {"memory",
           {{"machine_bytes", memory.total_bytes},
            {"room_bytes", memory.room_bytes()},
            {"free_bytes", memory.free_bytes()}}},
          {"pipelines", registered<pipelines::PipelineFamily>()},
          {"schedulers", registered<models::SchedulerClass>()},
          {"attention_backends", nn::attention_names()},
          {"memory_strategies", registered<memory::Strategy>()}};
}

std::string text_of(const ordered_json& cpu) {
  return fmt::format("instructions {}, of the machine {}, products of bfloat16 in {}",
                     cpu["instructions"].get<std::string>(),
                     cpu["machine_instructions"].get<std::string>(),
                     cpu["bfloat16_products"].get<std::string>());
}

void print_line(const char* what, const std::string& value) {
  std::cout << fmt::format("{:<20} {}\n", what, value);
}

void print_list(const char* what, const ordered_json& names) {
  print_line(what, join(names.get<std::vector<std::string>>()));
}

void print(const ordered_json& facts) {
  print_line("chitu", facts["chitu"]);
  print_line("libtorch", facts["libtorch"]);
  print_line("CPU threads", std::to_string(facts["cpu"]["threads"].get<int>()));
  print_line("CPU", text_of(facts["cpu"]));
  print_list("devices", facts["devices"]);
  for (const std::string& found : device::describe(device::host_memory()))
    print_line("memory", found);
  print_list("pipelines", facts["pipelines"]);
  print_list("schedulers", facts["schedulers"]);
  print_list("attention backends", facts["attention_backends"]);
  print_list("memory strategies", facts["memory_strategies"]);
}

class InfoCommand final : public EngineCommandFor<InfoCall> {
  int execute(const InfoCall& call, SessionState&) const override {
    if (call.json)
      std::cout << facts().dump(1) << "\n";
    else
      print(facts());
    return 0;
  }
};

CHITU_REGISTER(EngineCommand, InfoCommand, InfoCall::kCommand);

}  // namespace
}  // namespace chitu::tools
