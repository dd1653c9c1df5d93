#include "tools/chitu/rank_session.h"

#include <c10/util/Logging.h>
#include <fmt/format.h>
#include <torch/headeronly/version.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "chitu_core/common/cpu_capability.h"
#include "chitu_core/common/error.h"
#include "chitu_core/common/interrupted_by.h"
#include "chitu_core/common/utf8.h"
#include "chitu_core/device/device.h"
#include "chitu_core/io/hash.h"
#include "chitu_core/parallel/degrees.h"
#include "chitu_core/parallel/texts.h"
#include "pipelines/forecast/plan_json.h"
#include "pipelines/model/request_json.h"
#include "tools/chitu/console.h"
#include "tools/chitu/own_command.h"
#include "tools/chitu/run_folder.h"

namespace chitu::tools {
namespace {

using parallel::Facts;

/// What each rank may have of its own: places of files, and what changes no bit of the result. The
/// checkpoint is compared by its content.
constexpr std::array kOwnKeys{"output",        "debug",           "hydra",
                              "batch.dir",     "batch.spill_dir", "batch.spill_limit",
                              "device.index",  "infer.threads",   "infer.prompt_cache",
                              "model.ckpt_dir"};

bool is_own(const std::string& key) {
  return std::ranges::any_of(
      kOwnKeys, [&](const std::string& own) { return key == own || key.starts_with(own + "."); });
}

void add_facts(Facts& facts, const std::string& key, const config::Node& node) {
  if (is_own(key)) return;
  const std::string before = key.empty() ? "" : key + ".";
  if (node.is_map()) {
    for (const config::Entry& entry : node.map())
      add_facts(facts, before + entry.key.text, entry.value);
  } else if (node.is_list()) {
    for (std::size_t i = 0; i < node.list().size(); ++i)
      add_facts(facts, before + std::to_string(i), node.list()[i]);
  } else {
    facts.emplace_back(key, config::show(node));
  }
}

/// Flat, but for what names a place: devices have their own index on every rank.
void add_facts(Facts& facts, const std::string& key, const nlohmann::ordered_json& json) {
  if (json.is_structured()) {
    for (const auto& [name, value] : json.items()) add_facts(facts, key + "." + name, value);
    return;
  }
  std::string text = json.is_string() ? json.get<std::string>() : json.dump();
  for (const char* kind : {"cuda:", "xpu:"})
    if (text.starts_with(kind)) text = kind;
  facts.emplace_back(key, std::move(text));
}

Facts configuration_facts(const config::Composition& composition) {
  Facts facts{{"the version of chitu", CHITU_VERSION},
              {"the version of libtorch", TORCH_VERSION},
              {"the instructions of the processor", to_string(cpu_capability())}};
  config::Composition placeless = composition;
  set_output_folder(placeless, "");  // the folder has the time in its name
  add_facts(facts, "", placeless.resolved());
  return facts;
}

/// Each rank has the accelerator with its number on this host.
void choose_device(pipelines::Settings& settings, const parallel::Launch& launch) {
  const std::string& name = settings.device.name;
  if (settings.device.index || name == "cpu" || name == "sim" || !device::has_accelerator()) return;
  if (!launch.local_rank)
    throw InputError(
        "LOCAL_RANK is not set: expected it, to choose the device of this rank, or "
        "device.index");
  settings.device.index = *launch.local_rank;
}

/// Messages about connections that fail are chitu's own: libtorch's have many lines.
void silence_connections() {
  ::setenv("TORCH_CPP_LOG_LEVEL", "FATAL", 0);
  c10::initLogging();
}

/// For a thread that ends the process while the main thread hangs.
[[noreturn]] void end_process(const parallel::Failure& failure) {
  const std::string line =
      console::label("error") + console::rank_label() + one_line(failure.text) + "\n";
  static_cast<void>(!::write(STDERR_FILENO, line.data(), line.size()));
  ::_exit(failure.code);
}

std::unique_ptr<parallel::Ranks> join(pipelines::Settings& settings,
                                      const parallel::Launch& launch) {
  const auto options = settings.infer.parallel.options();
  if (options.world_size() == 1) return nullptr;
  choose_device(settings, launch);
  return join_ranks(launch, options, settings.infer.parallel.timeout());
}

bool is_of(const parallel::Failure& failure, const parallel::Ranks& ranks) {
  return failure.rank == ranks.rank();
}

bool is_interrupt(const parallel::Failure& failure) {
  return failure.code > InterruptedBy::exit_code_of(0);
}

}  // namespace

void check_launch(const pipelines::Settings& settings) {
  const auto options = settings.infer.parallel.options();
  parallel::check_degrees(options);
  parallel::check_world(options, parallel::read_launch(), own_command());
}

pipelines::EngineOptions options_of_rank(pipelines::Settings settings, parallel::Ranks* ranks) {
  if (ranks) choose_device(settings, ranks->launch());
  auto options = settings.engine_options();
  if (!ranks) return options;
  options.parallel.groups = ranks->groups(options.parallel);
  options.parallel.host_memory = ranks->host_memory();
  return options;
}

std::unique_ptr<parallel::Ranks> join_ranks(const parallel::Launch& launch,
                                            const parallel::ParallelOptions& options,
                                            std::chrono::milliseconds limit) {
  silence_connections();
  return std::make_unique<parallel::Ranks>(launch, options, limit, &end_process);
}

std::unique_ptr<parallel::Ranks> join_ranks(pipelines::Settings& settings) {
  check_launch(settings);
  return join(settings, parallel::read_launch());
}

std::unique_ptr<parallel::Ranks> join_group(pipelines::Settings& settings) {
  const parallel::Launch launch = parallel::read_launch();
  const auto options = settings.infer.parallel.options();
  parallel::check_degrees(options);
  parallel::check_groups_of_ranks(options, launch, own_command());
  return join(settings, launch);
}

void agree_on_configuration(parallel::Ranks* ranks, const config::Composition& composition,
                            const Facts& more) {
  if (!ranks) return;
  Facts facts = configuration_facts(composition);
  facts.insert(facts.end(), more.begin(), more.end());
  ranks->agree(facts);
}

parallel::Facts request_facts(const std::string& about, const pipelines::Request& request) {
  Facts facts;
  add_facts(facts, about, nlohmann::ordered_json(pipelines::to_json(request)));
  return facts;
}

void agree_on_model(parallel::Ranks* ranks, const pipelines::Engine& engine) {
  if (!ranks) return;
  Facts facts;
  const pipelines::ModelIdentity identity = engine.identity();
  facts.emplace_back("the family of the checkpoint", identity.family);
  for (const auto& [component, sum] : identity.weights)
    facts.emplace_back("the checkpoint's " + component, sum);
  add_facts(facts, "the memory plan", pipelines::to_json(engine.plan()));
  ranks->agree(facts);
}

void agree_on_work(parallel::Ranks* ranks, const pipelines::Engine& engine,
                   const pipelines::Request& request) {
  if (!ranks) return;
  ranks->agree(request_facts("request", request));
  agree_on_model(ranks, engine);
}

void agree_on_requests(
    parallel::Ranks* ranks,
    const std::vector<std::pair<std::string, const pipelines::Request*>>& requests) {
  if (!ranks) return;
  ranks->agree({{"the number of jobs", std::to_string(requests.size())}});
  std::string all;
  for (const auto& [about, request] : requests)
    all += parallel::to_text(request_facts(about, *request));
  const auto sums = parallel::gather_texts(*ranks->groups()->world, io::sha256(all));
  if (std::ranges::all_of(sums, [&](const std::string& sum) { return sum == sums.front(); }))
    return;
  for (const auto& [about, request] : requests) ranks->agree(request_facts(about, *request));
}

std::string text_of_first(parallel::Ranks* ranks, const std::function<std::string()>& text) {
  if (!ranks) return text();
  return parallel::broadcast_text(*ranks->groups()->world, ranks->is_first() ? text() : "", 0);
}

int signal_of_ranks(parallel::Ranks* ranks, const Interrupt& interrupt) {
  if (!ranks) return interrupt.signal();
  int signal = 0;
  for (const auto& of_rank :
       parallel::gather_numbers(*ranks->groups()->world, {interrupt.signal()}))
    if (signal == 0) signal = static_cast<int>(of_rank.front());
  return interrupt.signal() != 0 ? interrupt.signal() : signal;
}

void check_ranks(parallel::Ranks* ranks, const Interrupt& interrupt) {
  if (!ranks) return;
  const auto failure = ranks->monitor().failure_soon();
  // A launcher passes a signal on to all ranks: each is interrupted by itself.
  const bool by_itself =
      interrupt.signal() != 0 && (!failure || is_of(*failure, *ranks) || is_interrupt(*failure));
  if (failure && !by_itself) parallel::raise(*failure);
}

namespace {

/// Tells the other ranks of an interrupt in this one.
int unless_interrupted(parallel::Ranks& ranks, const Interrupt& interrupt,
                       const std::function<int()>& work) {
  try {
    return work();
  } catch (const Interrupted& error) {
    check_ranks(&ranks, interrupt);
    ranks.monitor().fail("interrupted", InterruptedBy::exit_code_of(interrupt.signal()));
    if (dynamic_cast<const InterruptedBy*>(&error)) throw;
    throw InterruptedBy(interrupt.signal(), "interrupted in stage " + ranks.monitor().stage());
  }
}

}  // namespace

int together(parallel::Ranks& ranks, const Interrupt& interrupt, const std::function<int()>& work) {
  return unless_interrupted(ranks, interrupt, [&] {
    int code = 0;
    if (const auto failure = ranks.attempt([&] { code = work(); })) parallel::raise(*failure);
    return code;
  });
}

int with_ranks(parallel::Ranks* ranks, const Interrupt& interrupt,
               const std::function<int()>& work) {
  if (!ranks) return work();
  try {
    return unless_interrupted(*ranks, interrupt, [&] {
      const int code = work();
      ranks->monitor().finish(interrupt.token());
      return code;
    });
  } catch (const Interrupted&) {
    throw;
  } catch (const std::exception& error) {
    if (const auto known = ranks->monitor().failure()) parallel::raise(*known);
    const parallel::Failure first = ranks->monitor().fail(explain(error), exit_code(error));
    if (!is_of(first, *ranks)) parallel::raise(first);
    throw;
  }
}

}  // namespace chitu::tools
