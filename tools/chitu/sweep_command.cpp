#include "tools/chitu/sweep_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <map>
#include <optional>
#include <unordered_map>

#include "chitu_core/common/about_key.h"
#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/folder_lock.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/config/compose/job_composer.h"
#include "chitu_core/config/compose/sweep.h"
#include "chitu_core/config/override/override.h"
#include "chitu_core/config/value/text.h"
#include "chitu_core/config/yaml/yaml_writer.h"
#include "chitu_core/parallel/launch.h"
#include "tools/chitu/console.h"
#include "tools/chitu/counted_progress.h"
#include "tools/chitu/launcher.h"
#include "tools/chitu/media_record.h"
#include "tools/chitu/rank_calls.h"
#include "tools/chitu/run_call.h"
#include "tools/chitu/run_folder.h"

namespace chitu::tools {
namespace fs = std::filesystem;

namespace {

using Status = JobResult::Status;

std::string text_at(const config::Composition& composition, const char* key) {
  const auto found = composition.hydra().find(key);
  if (!found) return "";
  const config::Node value = found->resolved();
  return value.is_null() || value.is_missing() ? "" : config::python_text(value);
}

const char* name_of(Status status) {
  switch (status) {
    case Status::waiting:
      return "not started";
    case Status::done:
      return "done";
    case Status::skipped:
      return "done before";
    case Status::failed:
      return "failed";
    case Status::interrupted:
      return "interrupted";
  }
  return "";
}

/// A job of a sweep: what it runs, and where.
struct Job {
  config::Composition composition;
  fs::path folder;
};

/// One sweep, from its plan to its table. Composes one job at a time, from its index.
class Sweep {
 public:
  Sweep(const config::ComposeRequest& request, bool json, EngineLibrary& engine)
      : engine_(engine),
        json_(json),
        plan_(config::plan_sweep(request)),
        composer_(request, plan_),
        results_(plan_.size()) {
    print_warnings(plan_.master);
    refuse_python(plan_.master);
    resume_ = text_at(plan_.master, "sweep.resume") == "True";
    named_folder_ = names_folder(plan_.master, "hydra.sweep.dir");
    folder_ = fs::absolute(folder_of(plan_.master, "sweep.dir")).lexically_normal();
    read_launcher();
    refuse_processes();
    if (resume_ && !named_folder_)
      throw InputError(
          "hydra.sweep.resume=true: expected also hydra.sweep.dir=FOLDER, the sweep to continue");
  }

  int run() {
    if (results_.empty()) {
      std::cerr << "the sweep has no jobs\n";
      return 0;
    }
    // Another sweep must not write there at the same time.
    std::optional<FolderLock> lock;
    std::error_code ignored;
    if (is_first() && named_folder_ && fs::is_directory(folder_, ignored)) lock.emplace(folder_);
    compose_all();
    join_ranks();
    if (const int code = check(); code != 0) return code;
    std::optional<RunFolder> folder;
    if (is_first()) open(folder);
    const JobFunction job = [this](std::size_t i) { return run_job(i); };
    if (width_ > 0)
      launch_processes(results_, job, width_);
    else
      launch_in_order(results_, job);
    leave_ranks();
    return report();
  }

 private:
  /// Of the ranks that do each job together, the first one alone writes and prints.
  bool is_first() const { return launch_.rank == 0; }

  void refuse_processes() const {
    if (launch_.size > 1 && width_ > 0)
      throw InputError(fmt::format(
          "hydra/launcher=process: starts processes of its own, {} has started {} that do each job "
          "together: expected hydra/launcher=basic",
          launch_.launcher, launch_.size));
  }

  /// Which jobs are done is what the first rank finds.
  void join_ranks() {
    if (launch_.size == 1) return;
    engine_.run(engine_call(JoinCall{make_job(0).composition, results_.size()}));
    std::string done;
    for (const JobResult& result : results_) done += result.status == Status::skipped ? 'd' : '-';
    engine_.run(engine_call(ShareCall{&done}));
    for (std::size_t i = 0; i < results_.size(); ++i)
      results_[i].status = done[i] == 'd' ? Status::skipped : Status::waiting;
  }

  void leave_ranks() const {
    const auto stopped = [](const JobResult& result) {
      return result.status == Status::interrupted;
    };
    if (launch_.size > 1 && std::ranges::none_of(results_, stopped))
      engine_.run(engine_call(LeaveCall{}));
  }

  void open(std::optional<RunFolder>& folder) {
    const char* key = "hydra.sweep.dir";
    about_key(key, [&] { folder.emplace(folder_, !named_folder_ && !resume_); });
    folder_ = folder->path();  // RunFolder may choose another name
    about_key(key, [&] { folder->write("multirun.yaml", config::to_yaml(plan_.master.root)); });
  }

  /// Reads the width from hydra.launcher: 0 = in order in this process, else so many processes.
  void read_launcher() {
    const std::string target = text_at(plan_.master, "launcher._target_");
    if (target == "chitu.BasicLauncher") return;
    if (target != "chitu.ProcessLauncher")
      throw InputError("hydra.launcher._target_: " + target +
                       " is unknown, expected hydra/launcher=basic or hydra/launcher=process");
    const auto jobs = plan_.master.hydra()["launcher.n_jobs"].resolved();
    if (jobs.kind() != config::Kind::integer || jobs.as_integer() < 1)
      throw InputError("hydra.launcher.n_jobs: expected a number of jobs of 1 or more, got " +
                       config::python_text(jobs));
    width_ = static_cast<std::size_t>(jobs.as_integer());
  }

  std::string differences(std::size_t i) const { return join(plan_.differences(i), " "); }

  std::string title(std::size_t i) const { return "#" + std::to_string(i) + ": " + differences(i); }

  /// Does the work; an InputError names the job, and each override once.
  template <typename Work>
  auto about_job(std::size_t i, const Work& work) const {
    try {
      return work();
    } catch (const InputError& error) {
      const std::string problem = error.what();
      std::vector<std::string> others = plan_.differences(i);
      std::erase_if(others, [&](const auto& one) { return problem.starts_with(one + ": "); });
      throw InputError(fmt::format("job #{}: {}{}", i, join(others, " "),
                                   (others.empty() ? "" : ": ") + problem));
    }
  }

  Job make_job(std::size_t i) const {
    Job job;
    job.composition = composer_.compose(i);
    // All jobs share one sweep folder, although ${now:} would change from job to job.
    config::Node& hydra = *job.composition.root.find("hydra");
    hydra.map().set("mode", config::Node("MULTIRUN"));
    hydra.find("sweep")->map().set("dir", config::Node::literal(folder_.string()));
    job.folder = (folder_ / folder_of(job.composition, "sweep.subdir")).lexically_normal();
    set_output_folder(job.composition, job.folder);
    return job;
  }

  /// Composes every job once, and keeps none. Jobs that cannot be composed or share a folder are
  /// errors before any job starts.
  void compose_all() {
    std::unordered_map<std::size_t, std::size_t> jobs_by_folder;  // by its hash, to save memory
    CountedProgress progress("composing job", results_.size());
    for (std::size_t i = 0; i < results_.size(); ++i) {
      progress.show(i + 1);
      const Job job = about_job(i, [&] { return make_job(i); });
      const auto [old, fresh] = jobs_by_folder.emplace(fs::hash_value(job.folder), i);
      if (!fresh && make_job(old->second).folder == job.folder) refuse_shared(old->second, i, job);
      if (resume_ && is_done(job.composition, job.folder)) results_[i].status = Status::skipped;
    }
  }

  [[noreturn]] void refuse_shared(std::size_t first, std::size_t second, const Job& job) const {
    throw InputError("hydra.sweep.subdir=" + text_at(job.composition, "sweep.subdir") + ": jobs " +
                     title(first) + " and " + title(second) +
                     " would share a folder, expected one for each, such as "
                     "${hydra.job.num} or ${hydra.job.override_dirname}");
  }

  /// Whether the folder holds the complete result of this job. Unreadable files count as not done.
  static bool is_done(const config::Composition& job, const fs::path& folder) {
    try {
      const std::string kept = text_at(job, "output_subdir");
      return !kept.empty() &&
             read_file(folder / kept / "config.yaml") == config::to_yaml(job.config) &&
             is_done_and_whole(folder);
    } catch (const InputError&) {
      return false;
    }
  }

  /// Reports what is known to fail before the first job starts.
  int check() const {
    const auto check_all = [this] {
      CountedProgress progress("checking job", results_.size());
      for (std::size_t i = 0; i < results_.size(); ++i) {
        progress.show(i + 1);
        if (results_[i].status != Status::skipped) about_job(i, [&] { return check_job(i); });
      }
      return 0;
    };
    // Jobs are forked from this process, which must not load the engine and start its threads.
    return width_ == 0 ? check_all() : in_child_process([&] { return guarded(check_all); });
  }

  int check_job(std::size_t i) const {
    Job job = make_job(i);
    const JobEnvironment environment(job.composition);
    return engine_.run(
        engine_call(CheckCall{std::move(job.composition), std::move(job.folder), title(i)}));
  }

  int run_job(std::size_t i) const {
    // In one piece: several processes write lines.
    if (!console::is_quiet() && is_first()) std::cerr << "job " + title(i) + "\n";
    return guarded([&] {
      Job job = make_job(i);
      const JobEnvironment environment(job.composition);
      RunCall call{.composition = std::move(job.composition)};
      call.folder = std::move(job.folder);
      call.restarts_clock = width_ == 0;
      call.json = json_;
      return engine_.run(engine_call(std::move(call)));
    });
  }

  template <typename Work>
  static int guarded(const Work& work) {
    try {
      return work();
    } catch (const std::exception& error) {
      std::cerr << console::label("error") + console::rank_label() + explain(error) + "\n";
      return exit_code(error);
    }
  }

  /// Prints the table to standard error: standard output has the paths of the media. Returns the
  /// exit code.
  int report() const {
    std::map<Status, int> counts;
    int code = 0;
    std::string table = row("job", "status", "seconds", "overrides");
    for (std::size_t i = 0; i < results_.size(); ++i) {
      const JobResult& result = results_[i];
      ++counts[result.status];
      if (code == 0) code = result.code;
      std::string status = name_of(result.status);
      if (result.status == Status::failed) status += " (" + std::to_string(result.code) + ")";
      table += row("#" + std::to_string(i), status, seconds_text(result), differences(i));
    }
    const bool left =
        counts[Status::waiting] + counts[Status::failed] + counts[Status::interrupted];
    if (!console::is_quiet() && is_first()) std::cerr << table << summary(counts);
    if (left && is_first())
      std::cerr << "to run what is left, repeat the command with hydra.sweep.dir=" +
                       config::override_text(config::Node::literal(relative_folder())) +
                       " hydra.sweep.resume=true\n";
    return code;
  }

  std::string summary(const std::map<Status, int>& counts) const {
    std::string text;
    for (const auto& [status, count] : counts)
      if (count > 0)
        text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + name_of(status);
    return fmt::format("{} jobs: {}; {}\n", results_.size(), text, folder_.string());
  }

  static std::string row(const std::string& job, const std::string& status,
                         const std::string& seconds, const std::string& overrides) {
    return fmt::format("{:>5}  {:<12} {:>9}  {}\n", job, status, seconds, overrides);
  }

  static std::string seconds_text(const JobResult& result) {
    if (result.status == Status::waiting || result.status == Status::skipped) return "";
    char text[32];
    std::snprintf(text, sizeof text, "%.1f", result.seconds);
    return text;
  }

  std::string relative_folder() const {
    const fs::path near = folder_.lexically_relative(fs::current_path());
    return near.empty() || *near.begin() == ".." ? folder_.string() : near.string();
  }

  EngineLibrary& engine_;
  bool json_;
  config::SweepPlan plan_;
  mutable config::JobComposer composer_;  ///< keeps what jobs share
  fs::path folder_;
  bool named_folder_ = false;
  bool resume_ = false;
  std::size_t width_ = 0;
  parallel::Launch launch_ = parallel::read_launch();
  std::vector<JobResult> results_;
};

}  // namespace

bool asks_for_sweep(const config::Composition& composition) {
  return text_at(composition, "mode") == "MULTIRUN";
}

int run_sweep(const config::ComposeRequest& request, bool json, EngineLibrary& engine) {
  return Sweep(request, json, engine).run();
}

}  // namespace chitu::tools
