#include "tools/chitu/engine_commands.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/headeronly/version.h>

#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "chitu_core/common/cpu_capability.h"
#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/common/output_path.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/device/compute_threads.h"
#include "chitu_core/device/device.h"
#include "chitu_core/device/errors.h"
#include "chitu_core/device/host_memory.h"
#include "chitu_core/graph/graph_text.h"
#include "chitu_core/io/tokenizer.h"
#include "chitu_core/memory/strategy.h"
#include "chitu_core/models/schedulers/scheduler.h"
#include "chitu_core/nn/attention.h"
#include "pipelines/engine.h"
#include "tools/chitu/calibrate_command.h"
#include "tools/chitu/plan_command.h"
#include "tools/chitu/run_command.h"
#include "tools/chitu/settings.h"

namespace chitu::tools {
namespace {

/// What `chitu graph` reads: a request is not among it, so no prompt is asked for.
Settings engine_settings(const config::Composition& composition) {
  Settings settings;
  settings.model = config::read<ModelSettings>(composition["model"]);
  settings.infer = config::read<InferSettings>(composition["infer"]);
  settings.memory = config::read<MemorySettings>(composition["memory"]);
  settings.device = config::read<DeviceSettings>(composition["device"]);
  return settings;
}

int graph_command(const EngineCall& call) {
  const pipelines::Engine engine(engine_settings(call.composition).engine_options());
  const auto& graph = engine.graph();
  std::cout << (call.format == "mermaid" ? graph::to_mermaid(graph)
                : call.format == "dot"   ? graph::to_dot(graph)
                : call.format == "json"  ? graph::to_json(graph)
                                         : graph::to_text(graph));
  return 0;
}

int tokenize_command(const EngineCall& call) {
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

int info_command() {
  const auto line = [](const char* what, const std::vector<std::string>& names) {
    std::cout << fmt::format("{:<20} {}\n", what, join(names));
  };
  std::cout << fmt::format("{:<20} {}\n{:<20} {}\n{:<20} {}\n", "chitu", CHITU_VERSION, "libtorch",
                           TORCH_VERSION, "CPU threads", at::get_num_threads());
  line("CPU", {"instructions " + to_string(cpu_capability()),
               "of the machine " + to_string(machine_capability()),
               std::string("products of bfloat16 in ") +
                   (has_bfloat16_instructions() ? "bfloat16" : "float32")});
  line("devices", device::available());
  for (const std::string& found : device::describe(device::host_memory()))
    std::cout << fmt::format("{:<20} {}\n", "memory", found);
  line("pipelines", Registry<pipelines::PipelineFamily>::instance().names());
  line("schedulers", Registry<models::SchedulerClass>::instance().names());
  line("attention backends", nn::attention_names());
  line("memory strategies", Registry<memory::Strategy>::instance().names());
  return 0;
}

int call_command(const EngineCall& call) {
  if (call.command == "run") return run_command(call);
  if (call.command == "check") return check_command(call);
  if (call.command == "graph") return graph_command(call);
  if (call.command == "calibrate") return calibrate_command(call.calibrate);
  if (call.command == "plan") {
    device::start_compute_threads_or_go_alone();  // it computes next to nothing
    return plan_command(call);
  }
  if (call.command == "tokenize") return tokenize_command(call);
  return info_command();
}

}  // namespace
}  // namespace chitu::tools

int chitu_engine_command(const chitu::tools::EngineCall& call) {
  return chitu::device::with_own_errors([&] { return chitu::tools::call_command(call); });
}
