#include "tools/chitu/run_command.h"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <unistd.h>

#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "chitu_core/common/about_key.h"
#include "chitu_core/common/bytes.h"
#include "chitu_core/common/interrupted_by.h"
#include "chitu_core/common/log.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/common/output_path.h"
#include "chitu_core/common/temporary.h"
#include "chitu_core/config/yaml_writer.h"
#include "chitu_core/device/host_allocator.h"
#include "chitu_core/io/hash.h"
#include "pipelines/engine.h"
#include "pipelines/metrics.h"
#include "pipelines/outputs.h"
#include "pipelines/plan_json.h"
#include "pipelines/plan_words.h"
#include "pipelines/profile.h"
#include "pipelines/run_checker.h"
#include "pipelines/side_output_error.h"
#include "tools/chitu/interrupt.h"
#include "tools/chitu/logging.h"
#include "tools/chitu/media_record.h"
#include "tools/chitu/progress.h"
#include "tools/chitu/run_folder.h"
#include "tools/chitu/settings.h"
#include "tools/chitu/working_directory.h"

namespace chitu::tools {
namespace fs = std::filesystem;

namespace {

constexpr const char* kLogName = "run.log";
constexpr const char* kMetricsName = "metrics.json";

/// The name of the folder of composed configurations, `.hydra`; empty when switched off.
std::string output_subdir(const config::Composition& composition) {
  const auto view = composition.hydra().find("output_subdir");
  return view && view->node().is_string() ? view->node().as_string() : "";
}

void write_configuration(RunFolder& folder, const config::Composition& composition) {
  const std::string name = output_subdir(composition);
  if (name.empty()) return;
  const fs::path below = name;
  remove_abandoned(folder.path() / below);
  config::Map hydra;
  hydra.set("hydra", composition.root.at("hydra"));
  config::List overrides;
  for (const std::string& override : composition.task_overrides)
    overrides.push_back(config::Node::literal(override));
  folder.write(below / "config.yaml", config::to_yaml(composition.config));
  folder.write(below / "hydra.yaml", config::to_yaml(config::Node(std::move(hydra))));
  folder.write(below / "overrides.yaml", config::to_yaml(config::Node(std::move(overrides))));
}

/// False with hydra/job_logging=disabled or none.
bool logs_to_file(const config::Composition& composition) {
  for (const auto& [group, option] : composition.choices)
    if (group == "hydra/job_logging" && option.is_string())
      return option.as_string() != "disabled" && option.as_string() != "none";
  return true;
}

void check_output(std::int64_t num_frames, const OutputSettings& output) {
  if (output.format == pipelines::OutputFormat::png && num_frames > 1)
    throw InputError(
        fmt::format("output.format=png: holds one picture, but request.num_frames is {}; expected "
                    "mp4, gif or frames",
                    num_frames));
}

/// Completes and checks a request. What the output cannot hold is told first, so that the nearest
/// numbers of frames, which the model names, are right for it.
pipelines::Request complete_request(const pipelines::Engine& engine, const Settings& settings) {
  check_output(settings.request.num_frames.value_or(1), settings.output);
  auto request = engine.complete(settings.request);
  check_output(request.num_frames, settings.output);
  return request;
}

bool wants_chdir(const config::Composition& composition) {
  const auto view = composition.hydra().find("job.chdir");
  return view && view->node().kind() == config::Kind::boolean && view->node().as_bool();
}

/// A dump that cannot be written is found before the work. One below the folder of the run is
/// checked when that folder is there.
void check_dump_outside(const Settings& settings, const config::Composition& composition,
                        const fs::path& folder) {
  const auto& dump = settings.debug.dump_tensors;
  if (!dump) return;
  const bool inside = (wants_chdir(composition) && fs::path(*dump).is_relative()) ||
                      (!dump->empty() && lies_in(*dump, folder));
  if (!inside) pipelines::check_dump(*dump, settings.model.ckpt_dir, folder);
}

/// The engine of the last job that went well: those of a sweep mostly share one.
struct OpenEngine {
  pipelines::EngineOptions options;
  pipelines::Engine engine;
};
std::optional<OpenEngine> last_engine;

/// Of the jobs of a sweep, for as long as they are being checked.
std::optional<pipelines::RunChecker> checker;

pipelines::Engine take_engine(const pipelines::EngineOptions& options) {
  checker.reset();
  auto last = std::exchange(last_engine, std::nullopt);
  if (last && last->options == options) return std::move(last->engine);
  last.reset();  // two models at once may not fit
  return pipelines::Engine(options);
}

Settings read_settings(const config::Composition& composition) {
  auto settings = config::read<Settings>(composition.view());
  if (wants_chdir(composition)) {
    settings.model.ckpt_dir = fs::absolute(settings.model.ckpt_dir).string();
    if (settings.infer.prompt_cache)
      settings.infer.prompt_cache = fs::absolute(*settings.infer.prompt_cache).string();
  }
  return settings;
}

/// One run from its folder to its last file.
class Run {
 public:
  Run(const EngineCall& call, const Interrupt& interrupt)
      : call_(call),
        composition_(call.composition),
        settings_(read_settings(composition_)),
        interrupt_(interrupt),
        engine_(take_engine(settings_.engine_options())),
        request_(complete_request(engine_, settings_)),
        metrics_(engine_.plan().transformer.device) {
    engine_.choose_plan(request_);  // what cannot fit is refused before anything is written
    check_dump_outside(settings_, composition_, call_.folder);
  }

  int execute() {
    const std::string key = folder_key();
    RunFolder folder = about_key(key, [&] { return RunFolder(call_.folder, call_.own_folder); });
    try {
      if (folder.path() != call_.folder) {
        set_output_folder(composition_, folder.path());
        settings_ = read_settings(composition_);
      }
      std::optional<WorkingDirectory> inside;
      if (wants_chdir(composition_)) inside.emplace(folder.path());
      earlier_ = earlier_record(folder.path());
      about_key(key, [&] { begin(folder); });
      log_choice();
      files_ = generate(folder);
      finish(folder, "done");
      return end(folder);
    } catch (const Interrupted&) {
      finish(folder, "interrupted");
      throw InterruptedBy(
          interrupt_.signal(),
          fmt::format("interrupted {}; kept {}: {}, {} and the configuration, no media",
                      where_stopped(), folder.path().string(), kLogName, kMetricsName));
    } catch (const std::exception& error) {
      log_failure(explain(error));  // the command itself prints it
      const bool keeps = !files_.empty() || exit_code(error) != exit_codes::kInputError;
      if (keeps && files_.empty()) keep_failure(folder);
      stop_log_file();
      if (!keeps) folder.discard();
      throw;
    }
  }

 private:
  /// The key that says where the folder of the run is.
  std::string folder_key() const {
    const auto mode = composition_.hydra().find("mode");
    const bool in_sweep =
        mode && mode->node().is_string() && mode->node().as_string() == "MULTIRUN";
    return in_sweep ? "hydra.sweep.subdir" : "hydra.run.dir";
  }

  /// Writes what stands in the folder before the work: a disk without room is found here. Until the
  /// run ends, its metrics say that it goes on, and what it found there.
  void begin(RunFolder& folder) {
    for (const fs::path& name : written_names()) folder.check_file(name);
    pipelines::check_media_places(output_in(folder));
    write_configuration(folder, composition_);
    folder.write(kMetricsName, report(folder, "running").dump(1) + "\n");
    if (!logs_to_file(composition_)) return;
    folder.write(kLogName, "");
    start_log_file(folder.path() / kLogName);
  }

  pipelines::Output output_in(const RunFolder& folder) const {
    return {settings_.output.format, folder.path(), settings_.output.contact_sheet};
  }

  /// The files, but for the configuration, that this run writes itself.
  std::vector<fs::path> written_names() const {
    std::vector<fs::path> names{kMetricsName, kLogName};
    if (settings_.debug.profile)
      names.insert(names.end(), pipelines::Profile::kFileNames.begin(),
                   pipelines::Profile::kFileNames.end());
    return names;
  }

  void check_dump_inside(const RunFolder& folder) const {
    const auto& dump = settings_.debug.dump_tensors;
    auto names = written_names();
    if (const auto subdir = output_subdir(composition_); !subdir.empty())
      names.emplace_back(subdir);
    for (const fs::path& name : names)
      if (dump && !dump->empty() && lies_in(*dump, folder.path() / name))
        throw InputError("debug.dump_tensors=" + *dump + ": is where the run writes its " +
                         name.string() + ", expected another file");
  }

  /// Prints where the media are, and tells what could not be written beside them.
  int end(const RunFolder& folder) {
    last_engine = OpenEngine{settings_.engine_options(), std::move(engine_)};
    for (const fs::path& file : files_) std::cout << file.string() << "\n";
    std::cout.flush();
    if (problems_.empty()) return 0;
    throw InputError(join(problems_, "; ") + "; the media are saved in " + folder.path().string());
  }

  std::vector<fs::path> generate(const RunFolder& folder) {
    check_dump_inside(folder);
    std::optional<ProgressBar> bar;
    LogObserver log;
    pipelines::Engine::RunOptions options;
    options.observers = {&metrics_, &log};
    if (settings_.debug.profile)
      options.observers.push_back(&profile_.emplace(engine_.plan().transformer.device));
    if (::isatty(STDERR_FILENO)) options.observers.push_back(&bar.emplace(std::cerr));
    options.stop = interrupt_.token();
    options.dump_tensors = settings_.debug.dump_tensors.value_or("");
    try {
      return engine_.generate(request_, output_in(folder), options);
    } catch (const pipelines::SideOutputError& error) {
      problems_.emplace_back(error.what());
      return error.saved();
    }
  }

  void log_choice() const {
    const auto& choice = engine_.choice();
    if (!choice) return;
    for (const auto& [level, bytes, host_bytes] : choice->rejected)
      logger("memory")->info("low_mem_level {} needs {} ({} has {}), {} of the host", level,
                             format_bytes(bytes), choice->budget.source,
                             format_bytes(*choice->budget.bytes), format_bytes(host_bytes));
    const auto& plan = choice->forecast.plan;
    const auto profile = settings_.engine_options().profile;
    if (profile && !choice->predicted.empty() && !profile->describes(plan.transformer.device))
      logger("memory")->warn(
          "device/profile is that of {} ({}), the run is on {}: predicted times, by which "
          "low_mem_level auto goes, are not of this device",
          profile->name, profile->device, plan.transformer.device.str());
    logger("memory")->info(
        "low_mem_level {} taken: needs {} of {}; transformer {}, {} layers kept, VAE: {}, guidance "
        "branches {}",
        plan.low_mem_level, format_bytes(choice->needed_bytes), format_bytes(*choice->budget.bytes),
        memory::to_string(plan.transformer.residency), plan.transformer.resident_layers,
        pipelines::tiles_text(plan), pipelines::guidance_text(plan));
  }

  /// Writes what the run tells about itself. What cannot be written is a problem of its own: the
  /// media, if there are any, stay.
  void finish(RunFolder& folder, std::string status) {
    if (profile_)
      for (const auto& [name, text] : profile_->finish())
        write_aside("debug.profile", [&] { folder.write(name, text); });
    show_stages();
    for (const std::string& problem : problems_) log_failure(problem);
    if (!stop_log_file()) problems_.push_back(folder_key() + ": " + kLogName + " is cut short");
    if (status == "done" && !problems_.empty()) status = "incomplete";
    const auto metrics = report(folder, status);
    write_aside(folder_key(), [&] { folder.write(kMetricsName, metrics.dump(1) + "\n"); });
    if (!files_.empty()) remove_earlier(folder.path(), earlier_, metrics["media"]);
  }

  void write_aside(const std::string& key, const std::function<void()>& write) {
    try {
      about_key(key, write);
    } catch (const std::exception& error) {
      problems_.push_back(explain(error));
    }
  }

  nlohmann::json report(const RunFolder& folder, const std::string& status) const {
    auto report = metrics_.report();
    report["status"] = status;
    report["config_sha256"] = io::sha256(config::to_yaml(composition_.resolved()));
    report["request"] = pipelines::to_json(request_);
    report["plan"] = pipelines::to_json(engine_.plan());
    if (const auto& choice = engine_.choice())
      report["plan"]["choice"] = pipelines::to_json(*choice);
    for (const memory::Component* component : engine_.components())
      report["streamed"][component->name()] = {{"layers", component->traffic().layers},
                                               {"bytes", component->traffic().bytes}};
    report["files"] = nlohmann::json::array();
    for (const fs::path& file : files_) report["files"].push_back(file.filename().string());
    report["media"] = media_record(folder.path(), files_);
    if (files_.empty() && !earlier_.empty()) report["earlier_media"] = earlier_;
    for (const std::string& problem : problems_) report["problems"].push_back(problem);
    warn_of_overruns(report);
    return report;
  }

  /// A limit on the CPU is kept by an estimate of what libraries hold: a run that held more says
  /// so.
  void warn_of_overruns(nlohmann::json& report) const {
    if (!engine_.choice()) return;
    // The memory of sim is the process's, and is none of the host's that it simulates.
    const bool is_sim = engine_.plan().transformer.device.type() == c10::kPrivateUse1;
    std::int64_t peak = 0, host_peak = 0;
    for (const pipelines::StageCost& stage : metrics_.stages()) {
      const std::int64_t simulated = is_sim ? stage.peak_device_bytes : 0;
      peak = std::max(peak, stage.peak_device_bytes);
      host_peak = std::max(host_peak, stage.peak_host_bytes - simulated);
    }
    report["memory"]["overruns"] = nlohmann::json::array();
    for (const auto& overrun : pipelines::overruns(engine_.choice()->budget, peak, host_peak)) {
      logger("memory")->warn("{}", pipelines::to_string(overrun));
      report["memory"]["overruns"].push_back(pipelines::to_json(overrun));
    }
  }

  /// The log has it at level info, a terminal in any case; standard output is for results.
  void show_stages() const {
    if (metrics_.stages().empty()) return;
    const bool on_terminal = ::isatty(STDERR_FILENO) && !console_shows_info();
    for (const std::string& line : pipelines::stage_table(metrics_.stages())) {
      logger("run")->info("{}", line);
      if (on_terminal) std::cerr << line << "\n";
    }
  }

  void keep_failure(RunFolder& folder) noexcept {
    try {
      finish(folder, "failed");
    } catch (const std::exception&) {
      // The failure itself is what the user must read.
    }
  }

  std::string where_stopped() const {
    const auto report = metrics_.report();
    if (report["stages"].empty()) return "before the first stage";
    const std::string stage = report["stages"].back()["name"];
    if (stage != "denoise") return "in stage " + stage;
    return fmt::format("in stage denoise after step {} of {}", report["steps"].size(),
                       request_.num_inference_steps);
  }

  const EngineCall& call_;
  config::Composition composition_;
  Settings settings_;
  const Interrupt& interrupt_;
  pipelines::Engine engine_;
  pipelines::Request request_;
  pipelines::Metrics metrics_;
  std::optional<pipelines::Profile> profile_;  ///< with debug.profile
  nlohmann::json earlier_;                     ///< media of an earlier run in the folder
  std::vector<fs::path> files_;                ///< the media, once they are saved
  std::vector<std::string> problems_;          ///< with what was to be written beside them
};

}  // namespace

int run_command(const EngineCall& call) {
  if (call.restarts_clock) pipelines::restart_seconds();
  start_logging(call.composition);
  device::reuse_host_memory();
  const Interrupt interrupt;
  return Run(call, interrupt).execute();
}

int check_command(const EngineCall& call) {
  const Settings settings = read_settings(call.composition);
  check_dump_outside(settings, call.composition, call.folder);
  check_output(settings.request.num_frames.value_or(1), settings.output);
  if (!checker) checker.emplace();
  const auto request = checker->check(settings.engine_options(), settings.request);
  check_output(request.num_frames, settings.output);
  return 0;
}

}  // namespace chitu::tools
