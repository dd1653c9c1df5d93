#include <fmt/format.h>
#include <spdlog/logger.h>

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
#include "chitu_core/common/throw_by_code.h"
#include "chitu_core/config/yaml/yaml_writer.h"
#include "chitu_core/device/host_allocator.h"
#include "chitu_core/io/hash.h"
#include "pipelines/engine.h"
#include "pipelines/forecast/forecast_words.h"
#include "pipelines/forecast/plan_json.h"
#include "pipelines/machine/profile_rates.h"
#include "pipelines/model/request_json.h"
#include "pipelines/observe/cache_svg.h"
#include "pipelines/observe/metrics.h"
#include "pipelines/observe/profile.h"
#include "pipelines/output/media_names.h"
#include "pipelines/output/output_name.h"
#include "pipelines/output/outputs.h"
#include "pipelines/settings/settings.h"
#include "pipelines/side_output_error.h"
#include "tools/chitu/console.h"
#include "tools/chitu/engine_command.h"
#include "tools/chitu/interrupt.h"
#include "tools/chitu/kept_configuration.h"
#include "tools/chitu/kept_latents.h"
#include "tools/chitu/media_record.h"
#include "tools/chitu/progress.h"
#include "tools/chitu/rank_figures.h"
#include "tools/chitu/rank_session.h"
#include "tools/chitu/run_call.h"
#include "tools/chitu/run_folder.h"
#include "tools/chitu/working_directory.h"

namespace chitu::tools {
namespace fs = std::filesystem;

namespace {

constexpr const char* kLogName = "run.log";
constexpr const char* kMetricsName = "metrics.json";
constexpr const char* kCachePictureName = "flexcache.svg";

/// False with hydra/job_logging=disabled or none.
bool logs_to_file(const config::Composition& composition) {
  for (const auto& [group, option] : composition.choices)
    if (group == "hydra/job_logging" && option.is_string())
      return option.as_string() != "disabled" && option.as_string() != "none";
  return true;
}

/// Completes and checks a request by `complete`. The output format is checked first: the numbers of
/// frames that the model then suggests must suit the format.
pipelines::Request complete_request(const pipelines::Settings& settings, const auto& complete) {
  const auto& formats = settings.output.format.items;
  pipelines::check_formats(settings.request.num_frames.value_or(1), formats);
  pipelines::Request request = complete(settings.request);
  pipelines::check_formats(request.num_frames, formats);
  return request;
}

/// hydra.job.num of a job of a sweep; 0 for a single run, which has none.
std::int64_t job_number(const config::Composition& composition) {
  const auto number = composition.hydra().find("job.num");
  const bool known = number && number->written().kind() == config::Kind::integer;
  return known ? number->written().as_integer() : 0;
}

pipelines::NameValues name_values(const pipelines::Settings& settings,
                                  const config::Composition& composition,
                                  pipelines::Request request) {
  return {std::move(request), job_number(composition),
          pipelines::model_name(settings.model.ckpt_dir), std::time(nullptr)};
}

bool wants_chdir(const config::Composition& composition) {
  const auto view = composition.hydra().find("job.chdir");
  return view && view->node().kind() == config::Kind::boolean && view->node().as_bool();
}

/// Refuses a dump that cannot be written, before the work begins. A dump inside the run folder is
/// checked later, when that folder exists. Returns the file; empty if there is none, or it depends
/// on the run folder.
fs::path check_dump_outside(const pipelines::Settings& settings,
                            const config::Composition& composition, const fs::path& folder) {
  const auto& dump = settings.debug.dump_tensors;
  if (!dump || (wants_chdir(composition) && fs::path(*dump).is_relative())) return {};
  const bool inside = !dump->empty() && lies_in(*dump, folder);
  return inside ? fs::path(*dump) : pipelines::check_dump(*dump, settings.model.ckpt_dir, folder);
}

/// The engine that an earlier job with the same options left open, or a new one.
pipelines::Engine take_engine(const pipelines::Settings& settings, SessionState& state,
                              parallel::Ranks* ranks) {
  const auto options = options_of_rank(settings, ranks);
  state.threads.use(settings.infer.threads, ranks ? ranks->launch().local_size.value_or(1) : 1);
  state.checks.reset();
  auto last = std::exchange(state.engine, std::nullopt);
  if (last && last->options == options) return std::move(last->engine);
  last.reset();  // two models at once may not fit
  return pipelines::Engine(options);
}

pipelines::Settings read_settings(const config::Composition& composition) {
  auto settings = config::read<pipelines::Settings>(composition.view());
  if (wants_chdir(composition)) {
    settings.model.ckpt_dir = fs::absolute(settings.model.ckpt_dir).string();
    if (settings.infer.prompt_cache)
      settings.infer.prompt_cache = fs::absolute(*settings.infer.prompt_cache).string();
  }
  return settings;
}

/// Records of what earlier runs left in the folder.
struct EarlierFiles {
  nlohmann::json media, side_files;
};

/// One run from its folder to its last file.
class Run {
 public:
  /// ranks  null for one process
  Run(const RunCall& call, SessionState& state, const Interrupt& interrupt,
      pipelines::RunClock clock, pipelines::Settings settings, parallel::Ranks* ranks)
      : call_(call),
        state_(state),
        composition_(call.composition),
        settings_(std::move(settings)),
        interrupt_(interrupt),
        ranks_(ranks),
        engine_(take_engine(settings_, state, ranks)),
        request_(the_request()),
        output_(settings_.output.output_in(call.folder,
                                           name_values(settings_, composition_, request_))),
        metrics_(engine_.plan().device, clock) {
    check_own_names();
    choose_plan();  // throws when nothing fits, before anything is written
    if (is_first()) check_dump_outside(settings_, composition_, call_.folder);
    agree_on_work(ranks_, engine_, request_);
  }

  int execute() { return is_first() ? run_in_folder() : run_beside(); }

 private:
  /// The first rank alone writes and prints.
  bool is_first() const { return !ranks_ || ranks_->rank() == 0; }

  int run_beside() {
    generate({}, {}, {&metrics_});
    collect_figures();
    return 0;
  }

  int run_in_folder() {
    const std::string key = folder_key();
    RunFolder folder = about_key(key, [&] { return RunFolder(call_.folder, call_.own_folder); });
    try {
      if (folder.path() != call_.folder) {
        set_output_folder(composition_, folder.path());
        settings_ = read_settings(composition_);
      }
      std::optional<WorkingDirectory> inside;
      if (wants_chdir(composition_)) inside.emplace(folder.path());
      earlier_ = {earlier_record(folder.path(), "media"),
                  earlier_record(folder.path(), "side_files")};
      about_key(key, [&] { begin(folder); });
      log_choice();
      files_ = generate(folder);
      collect_figures();
      finish(folder, "done");
      return end(folder);
    } catch (const Interrupted&) {
      finish(folder, "interrupted");
      if (interrupt_.signal() == 0) throw;  // another rank was interrupted
      throw InterruptedBy(
          interrupt_.signal(),
          fmt::format("interrupted {}; kept {}: {}, {} and the configuration, no media{}",
                      where_stopped(), folder.path().string(), kLogName, kMetricsName,
                      to_finish()));
    } catch (const std::exception& error) {
      state_.logging.log_failure(explain(error) + to_finish());  // the command prints it
      const bool keeps =
          !files_.empty() || !to_finish().empty() || exit_code(error) != exit_codes::kInputError;
      if (keeps && files_.empty()) keep_failure(folder);
      state_.logging.stop_file();
      if (!keeps) folder.discard();
      if (!to_finish().empty()) throw_by_code(exit_code(error), explain(error) + to_finish());
      throw;
    }
  }

  bool decodes() const { return !call_.latents.empty(); }

  pipelines::Request the_request() const {
    if (!decodes())
      return complete_request(settings_,
                              [&](const auto& partial) { return engine_.complete(partial); });
    pipelines::Request request = engine_.latents_request(call_.latents);
    pipelines::check_formats(request.num_frames, settings_.output.format.items);
    return request;
  }

  void choose_plan() {
    if (decodes())
      engine_.choose_decode_plan(call_.latents);
    else
      engine_.choose_plan(request_);
  }

  /// After latents were kept and the media were not saved: how to go on from there.
  std::string to_finish() const {
    std::error_code ignored;
    if (!files_.empty() || latents_.empty() || !fs::exists(latents_, ignored)) return "";
    return "; the latents are kept, to finish: " +
           decode_command(latents_, call_.compose_flags, composition_.task_overrides);
  }

  /// The key that sets the folder of the run.
  std::string folder_key() const {
    const auto mode = composition_.hydra().find("mode");
    const bool in_sweep =
        mode && mode->node().is_string() && mode->node().as_string() == "MULTIRUN";
    return in_sweep ? "hydra.sweep.subdir" : "hydra.run.dir";
  }

  /// Writes configuration, metrics and log before the work begins: a full disk is found here. Until
  /// the run ends, its metrics say "running" and list the media of earlier runs.
  void begin(RunFolder& folder) {
    for (const fs::path& name : written_names()) check_kind(folder.path() / name, false);
    output_.dir = folder.path();
    pipelines::check_media_places(output_);
    write_configuration(folder, composition_);
    folder.write(kMetricsName, report(folder, "running").dump(1) + "\n");
    if (!logs_to_file(composition_)) return;
    folder.write(kLogName, "");
    state_.logging.start_file(folder.path() / kLogName);
  }

  /// The files that this run writes, without media and configuration.
  std::vector<fs::path> written_names() const {
    std::vector<fs::path> names{kMetricsName, kLogName, pipelines::kLatentsName};
    if (request_.flexcache) names.emplace_back(kCachePictureName);
    if (settings_.debug.profile)
      names.insert(names.end(), pipelines::Profile::kFileNames.begin(),
                   pipelines::Profile::kFileNames.end());
    return names;
  }

  /// The same, and the folder of the configuration.
  std::vector<fs::path> own_names() const {
    auto names = written_names();
    if (const auto subdir = output_subdir(composition_); !subdir.empty())
      names.emplace_back(subdir);
    return names;
  }

  /// Refuses media with the name of something that the run writes itself.
  void check_own_names() const {
    for (const auto& media : pipelines::media_names(output_))
      for (const fs::path& name : own_names())
        if (*name.begin() == media.name)
          throw InputError("output.name: " + media.name +
                           ": is where the run writes its own files, expected another name");
  }

  /// Refuses a path of the user's that is one of the run's own files, or both of them one.
  void check_places(const RunFolder& folder) const {
    const auto &dump = settings_.debug.dump_tensors, &cache = settings_.infer.prompt_cache;
    std::vector<fs::path> names = own_names();
    const auto check = [&](const char* key, const std::optional<std::string>& path,
                           const char* expected) {
      for (const fs::path& name : names)
        if (path && !path->empty() && lies_in(*path, folder.path() / name))
          throw InputError(fmt::format("{}={}: is where the run writes its {}, expected another {}",
                                       key, *path, name.string(), expected));
    };
    check("debug.dump_tensors", dump, "file");
    for (const auto& media : pipelines::media_names(output_)) names.emplace_back(media.name);
    check("infer.prompt_cache", cache, "folder");
    if (dump && cache && !dump->empty() && !cache->empty() && lies_in(*cache, *dump))
      throw InputError("infer.prompt_cache=" + *cache +
                       ": is the file of debug.dump_tensors, expected another folder");
  }

  /// Prints the paths of the media. Throws when something beside them could not be written.
  int end(const RunFolder& folder) {
    if (!ranks_)  // an engine of several ranks ends with their connections
      state_.engine = SessionState::OpenEngine{settings_.engine_options(), std::move(engine_)};
    print_result(folder);
    if (problems_.empty()) return 0;
    throw InputError(join(problems_, "; ") + "; the media are saved in " + folder.path().string());
  }

  void print_result(const RunFolder& folder) const {
    nlohmann::json files = nlohmann::json::array();
    for (const fs::path& file : files_) files.push_back(file.string());
    const nlohmann::ordered_json result{{"folder", folder.path().string()},
                                        {"status", problems_.empty() ? "done" : "incomplete"},
                                        {"files", files},
                                        {"metrics", (folder.path() / kMetricsName).string()}};
    if (call_.json)
      std::cout << result.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
    else
      for (const fs::path& file : files_) std::cout << file.string() << "\n";
    std::cout.flush();
  }

  std::vector<fs::path> generate(const RunFolder& folder) {
    check_places(folder);
    std::optional<ProgressBar> bar;
    std::vector<graph::Observer*> observers{&metrics_};
    if (settings_.debug.profile) observers.push_back(&profile_.emplace(engine_.plan().device));
    if (console::shows_progress()) observers.push_back(&bar.emplace(std::cerr));
    pipelines::Engine::RunOptions options;
    options.dump_tensors = settings_.debug.dump_tensors.value_or("");
    options.latents_kept = [&](const fs::path& latents) { latents_ = latents; };
    return generate(output_, std::move(options), std::move(observers));
  }

  std::vector<fs::path> generate(const pipelines::Output& output,
                                 pipelines::Engine::RunOptions options,
                                 std::vector<graph::Observer*> observers) {
    LogObserver log;
    observers.push_back(&log);
    std::optional<StageNews> news;
    if (ranks_) observers.push_back(&news.emplace(*ranks_));
    const EitherStop stop(interrupt_.token(),
                          ranks_ ? ranks_->monitor().stop_token() : std::stop_token());
    options.stop = stop.token();
    options.observers = std::move(observers);
    try {
      return decodes() ? engine_.decode(call_.latents, output, options)
                       : engine_.generate(request_, output, options);
    } catch (const pipelines::SideOutputError& error) {
      problems_.emplace_back(error.what());
      return error.saved();
    } catch (const Interrupted&) {
      check_ranks(ranks_, interrupt_);
      throw;
    }
  }

  /// What the plan does beyond its level.
  static std::string savings_text(const pipelines::PlanChoice& choice) {
    std::string text;
    if (const auto layers = choice.forecast.plan.first(memory::Role::transformer).resident_layers)
      text += fmt::format(", {} transformer layers kept", layers);
    if (!choice.savings.empty()) text += "; saves more by " + join(choice.savings);
    return text;
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
    if (profile && !choice->predicted.empty() && !pipelines::describes(*profile, plan.device))
      logger("memory")->warn(
          "device/profile is that of {} ({}), the run is on {}: low_mem_level auto compares times "
          "predicted for another device",
          profile->name, profile->device, plan.device.str());
    logger("memory")->info("low_mem_level {} chosen: needs {} of {}; {}{}", plan.low_mem_level,
                           format_bytes(choice->needed_bytes), format_bytes(*choice->budget.bytes),
                           pipelines::components_text(plan), savings_text(*choice));
  }

  /// Writes profile, log and metrics. A failure here is kept in problems_ and costs no media.
  void finish(RunFolder& folder, std::string status) {
    if (profile_)
      for (const auto& [name, text] : profile_->finish())
        write_aside("debug.profile", [&] { folder.write(name, text); });
    if (!metrics_.decisions().empty()) show_cache(folder);
    show_stages();
    for (const std::string& problem : problems_) state_.logging.log_failure(problem);
    if (!state_.logging.stop_file())
      problems_.push_back(folder_key() + ": " + kLogName + " is cut short");
    if (status == "done" && !problems_.empty()) status = "incomplete";
    const auto metrics = report(folder, status);
    write_aside(folder_key(), [&] { folder.write(kMetricsName, metrics.dump(1) + "\n"); });
    if (files_.empty()) return;
    remove_earlier(folder.path(), default_media(earlier_.media), metrics["media"]);
    remove_earlier(folder.path(), earlier_.side_files, metrics["side_files"]);
  }

  /// The part of a record of media that a later run replaces. What output.name has named stays.
  static nlohmann::json default_media(const nlohmann::json& record) {
    nlohmann::json part = nlohmann::json::object();
    for (const auto& [name, about] : record.items())
      if (pipelines::is_default_media(name)) part[name] = about;
    return part;
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
    report["media"] = file_record(folder.path(), files_);
    report["side_files"] = file_record(folder.path(), side_files(folder));
    if (files_.empty()) report_earlier(report);
    if (ranks_) report["parallel"] = parallel_report();
    for (const std::string& problem : problems_) report["problems"].push_back(problem);
    warn_of_overruns(report);
    return report;
  }

  nlohmann::json parallel_report() const {
    const pipelines::ParallelSettings& keys = settings_.infer.parallel;
    const parallel::Groups& groups = *ranks_->groups();
    nlohmann::json report{{"rank", ranks_->rank()},
                          {"ranks", ranks_->size()},
                          {"cp_size", keys.cp_size},
                          {"cfg_size", keys.cfg_size},
                          {"bytes_sent", sent_.is_null() ? sent_by_group(groups) : sent_}};
    if (!figures_.is_null()) report["of_each_rank"] = figures_;
    return report;
  }

  /// At the end of the work of all ranks.
  void collect_figures() {
    if (!ranks_) return;
    sent_ = sent_by_group(*ranks_->groups());  // without the figures
    figures_ = figures_of_ranks(*ranks_, metrics_);
  }

  /// What this run has written beside its media and metrics.
  static std::vector<fs::path> side_files(const RunFolder& folder) {
    std::vector<fs::path> files = folder.written();
    std::erase(files, folder.path() / kMetricsName);
    return files;
  }

  /// Earlier files stay until a run has media in their place.
  void report_earlier(nlohmann::json& report) const {
    if (!earlier_.media.empty()) report["earlier_media"] = earlier_.media;
    if (!earlier_.side_files.empty()) report["earlier_side_files"] = earlier_.side_files;
  }

  /// Warns when a run used more memory than its limit: on the CPU, what libraries hold is
  /// estimated.
  void warn_of_overruns(nlohmann::json& report) const {
    if (!engine_.choice()) return;
    // Tensors of sim are memory of the process, but do not count as host memory.
    const bool is_sim = engine_.plan().device.type() == c10::kPrivateUse1;
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

  /// What the cache saved, and a picture of its decisions.
  void show_cache(RunFolder& folder) {
    const std::string text = fmt::format("{}: {}", *request_.flexcache, metrics_.cache_text());
    logger("flexcache")->info("{}", text);
    write_aside(folder_key(), [&] {
      folder.write(kCachePictureName, pipelines::cache_svg(metrics_.decisions(), text));
    });
  }

  /// Writes the table of stages to the log, and to standard error when it is a terminal.
  void show_stages() const {
    if (metrics_.stages().empty()) return;
    const bool on_terminal = console::shows_progress() && !state_.logging.console_shows_info();
    for (const std::string& line : pipelines::stage_table(metrics_.stages())) {
      logger("run")->info("{}", line);
      if (on_terminal) std::cerr << line << "\n";
    }
  }

  void keep_failure(RunFolder& folder) noexcept {
    try {
      finish(folder, "failed");
    } catch (const std::exception&) {
      // The first failure is the one to report.
    }
  }

  std::string where_stopped() const {
    const auto report = metrics_.report();
    if (report["stages"].empty()) return "before the first stage";
    const std::string stage = report["stages"].back()["name"];
    if (!stage.starts_with("denoise")) return "in stage " + stage;
    return fmt::format("in stage {} after step {} of {}", stage, report["steps"].size(),
                       request_.num_inference_steps);
  }

  const RunCall& call_;
  SessionState& state_;
  config::Composition composition_;
  pipelines::Settings settings_;
  const Interrupt& interrupt_;
  parallel::Ranks* ranks_;  ///< null for one process
  pipelines::Engine engine_;
  pipelines::Request request_;
  pipelines::Output output_;
  pipelines::Metrics metrics_;
  nlohmann::json sent_, figures_;              ///< of the ranks, once all are done
  std::optional<pipelines::Profile> profile_;  ///< with debug.profile
  EarlierFiles earlier_;
  fs::path latents_;                   ///< kept while they are decoded; empty = none yet
  std::vector<fs::path> files_;        ///< the saved media
  std::vector<std::string> problems_;  ///< files beside the media that could not be written
};

class RunCommand final : public EngineCommandFor<RunCall> {
  int execute(const RunCall& call, SessionState& state) const override {
    const auto clock = call.restarts_clock ? pipelines::RunClock::since_now()
                                           : pipelines::RunClock::since_process_start();
    state.logging.begin_run(call.composition);
    device::reuse_host_memory();
    if (!state.interrupt) state.interrupt.emplace();
    const Interrupt& interrupt = *state.interrupt;
    if (interrupt.signal() != 0)
      throw InterruptedBy(interrupt.signal(), "interrupted before it began");
    pipelines::Settings settings = read_settings(call.composition);
    const auto run_with = [&](parallel::Ranks* ranks) {
      agree_on_configuration(ranks, call.composition);
      return Run(call, state, interrupt, clock, std::move(settings), ranks).execute();
    };
    if (state.ranks)
      return together(*state.ranks, interrupt, [&] { return run_with(state.ranks.get()); });
    const auto ranks = join_ranks(settings);
    return with_ranks(ranks.get(), interrupt, [&] { return run_with(ranks.get()); });
  }
};

class CheckCommand final : public EngineCommandFor<CheckCall> {
  int execute(const CheckCall& call, SessionState& state) const override {
    const pipelines::Settings settings = read_settings(call.composition);
    if (state.ranks) check_launch(settings);
    if (!state.checks) state.checks.emplace();
    SessionState::JobChecks& checks = *state.checks;
    check_shared_dump(check_dump_outside(settings, call.composition, call.folder), call, checks);
    auto request = complete_request(settings, [&](const pipelines::PartialRequest& partial) {
      return checks.runs.check(options_of_rank(settings, state.ranks.get()), partial);
    });
    settings.output.output_in(call.folder,
                              name_values(settings, call.composition, std::move(request)));
    return 0;
  }

 private:
  static void check_shared_dump(const fs::path& dump, const CheckCall& call,
                                SessionState::JobChecks& checks) {
    if (dump.empty()) return;
    const auto [first, is_new] = checks.dumps.emplace(with_links_followed(dump), call.title);
    if (!is_new)
      throw InputError("debug.dump_tensors: jobs " + first->second + " and " + call.title +
                       " would both write " + first->first.string() +
                       ", expected a file for each, such as debug.dump_tensors="
                       "'${hydra:job.num}.safetensors'");
  }
};

CHITU_REGISTER(EngineCommand, RunCommand, RunCall::kCommand);
CHITU_REGISTER(EngineCommand, CheckCommand, CheckCall::kCommand);

}  // namespace
}  // namespace chitu::tools
