#include <c10/core/DeviceType.h>
#include <fmt/format.h>

#include <ctime>
#include <iostream>
#include <optional>
#include <utility>

#include "chitu_core/common/about_key.h"
#include "chitu_core/common/interrupted_by.h"
#include "chitu_core/common/output_path.h"
#include "chitu_core/common/throw_by_code.h"
#include "chitu_core/device/host_allocator.h"
#include "tools/chitu/batch/batch_folder.h"
#include "tools/chitu/batch/batch_listing.h"
#include "tools/chitu/batch/batch_recorder.h"
#include "tools/chitu/batch/batch_setup.h"
#include "tools/chitu/batch/batch_summary.h"
#include "tools/chitu/batch/batch_work.h"
#include "tools/chitu/batch/deciding_settings.h"
#include "tools/chitu/batch/decode_job.h"
#include "tools/chitu/batch/kept_list.h"
#include "tools/chitu/batch/open_jobs.h"
#include "tools/chitu/batch/window_meter.h"
#include "tools/chitu/console.h"
#include "tools/chitu/counted_progress.h"
#include "tools/chitu/engine_command.h"
#include "tools/chitu/interrupt.h"
#include "tools/chitu/kept_configuration.h"
#include "tools/chitu/own_command.h"
#include "tools/chitu/progress.h"
#include "tools/chitu/rank_session.h"
#include "tools/chitu/run_folder.h"

namespace chitu::tools {
namespace fs = std::filesystem;

namespace {

/// How many jobs a list must have that a journal belongs to.
std::size_t jobs_of(const JournalContent& journal) {
  return journal.jobs.empty() ? 0 : journal.jobs.rbegin()->first + 1;
}

parallel::Facts flag_facts(const BatchCall& call) {
  const auto text = [](bool set) { return set ? "given" : "not given"; };
  return {{"--dry-run", text(call.dry_run)}, {"--retry-failed", text(call.retry_failed)}};
}

BatchProgress::Form progress_form() {
  if (console::shows_progress()) return BatchProgress::Form::bar;
  return console::is_quiet() ? BatchProgress::Form::none : BatchProgress::Form::lines;
}

/// One batch from its list to its summary. Several ranks take every job together; the first one
/// alone has the folder.
class Batch {
 public:
  /// ranks  null for one process
  Batch(const BatchCall& call, SessionState& state, pipelines::Settings settings,
        parallel::Ranks* ranks)
      : call_(call),
        state_(state),
        settings_(std::move(settings)),
        ranks_(ranks),
        shard_(shard_of(settings_)),
        places_(places_of(settings_.batch, call.list.stem, shard_)),
        engine_(open_engine()),
        begun_(is_first() ? read_journal(places_.folder) : JournalContent()),
        header_(make_header()),
        list_(prepare_jobs(call.list, places_.folder, header_.began,
                           [&](const auto& partial) { return engine_.complete(partial); })) {
    if (is_first()) check_same_list(places_.folder / kJobsName, list_, jobs_of(begun_));
    for (const PreparedJob& job : list_)
      if (shard_.has(job.index)) jobs_.push_back(job);
    agree_on_jobs();
  }

  /// Prints what a run would do.
  int dry_run() {
    check_plans();
    if (!is_first()) return 0;
    check_output_folder("batch.dir=" + places_.folder.string(), places_.folder);
    check_output_folder("batch.spill_dir=" + places_.spill.string(), places_.spill);
    std::cout << list_text(jobs_, begun_, places_, call_.retry_failed);
    return 0;
  }

  int run(const Interrupt& interrupt) {
    check_plans();
    agree_on_model(ranks_, engine_);
    const int code = is_first() ? run_in_folder(interrupt) : run_beside(interrupt);
    if (is_paused_) signal_ = signal_of_ranks(ranks_, interrupt);
    return std::stoi(text_of_first(ranks_, [&] { return std::to_string(code); }));
  }

  /// After run(): throws InterruptedBy where the user has paused it.
  void check_paused() const {
    if (is_paused_)
      throw InterruptedBy(signal_, how_far_.empty() ? "paused" : "paused: " + how_far_);
  }

 private:
  bool is_first() const { return !ranks_ || ranks_->is_first(); }

  int run_in_folder(const Interrupt& interrupt) {
    RunFolder folder = about_key("batch.dir", [&] { return RunFolder(places_.folder, false); });
    Journal journal = begin(folder);
    try {
      run_windows(&journal, interrupt);
      return end(journal.content());
    } catch (const std::exception& error) {
      fail(journal.content(), error, interrupt);
    }
  }

  int run_beside(const Interrupt& interrupt) {
    run_windows(nullptr, interrupt);
    return 0;
  }

  pipelines::Engine open_engine() {
    auto options = settings_.engine_options();
    if (ranks_) options.parallel.groups = ranks_->groups();
    state_.threads.use(settings_.infer.threads,
                       ranks_ ? ranks_->launch().local_size.value_or(1) : 1);
    return pipelines::Engine(options);
  }

  void agree_on_jobs() const {
    if (!ranks_) return;
    ranks_->agree({{"the shard", shard_.text()}});
    std::vector<std::pair<std::string, const pipelines::Request*>> requests;
    for (const PreparedJob& job : jobs_)
      requests.emplace_back(title_of(job) + ": request", &job.request);
    agree_on_requests(ranks_, requests);
  }

  /// The header of the journal that goes on, or of a new one.
  JournalHeader make_header() const {
    const std::string device = c10::DeviceTypeName(engine_.plan().device.type(), true);
    JournalHeader header{std::time(nullptr), shard_.text(),
                         deciding_settings(call_.list.composition.resolved(), device)};
    if (begun_.header) {
      check_same_batch(places_.folder, *begun_.header, header);
      header.began = begun_.header->began;
    }
    return header;
  }

  /// The jobs that are not done, in order.
  std::vector<OpenJob> find_work(const JournalContent& journal) const {
    std::vector<OpenJob> open;
    CountedProgress progress("checking the files of job", jobs_.size());
    for (std::size_t place = 0; place < jobs_.size(); ++place) {
      progress.show(jobs_[place].index + 1);
      JobWork work = work_left(journal.record(jobs_[place].index), places_, call_.retry_failed);
      if (work.step != JobWork::Step::none) open.push_back({place, std::move(work)});
    }
    return open;
  }

  /// The same, noted in the journal, where they cannot be as it says.
  std::vector<OpenJob> begin_work(Journal& journal) const {
    const std::vector<OpenJob> open = find_work(journal.content());
    for (const auto& [place, work] : open)
      record_work(journal, jobs_[place].index, work, places_.spill);
    clean_spill(places_.spill, journal.content());
    return open;
  }

  /// The places of jobs that were not done when this process began.
  std::vector<std::size_t> places_left() const {
    std::vector<std::size_t> places;
    for (std::size_t place = 0; place < jobs_.size(); ++place)
      if (begun_.record(jobs_[place].index).state != JobRecord::State::done)
        places.push_back(place);
    return places;
  }

  /// Checks that the jobs that are not done fit, before any work begins.
  void check_plans() {
    const std::string left = text_of_first(ranks_, [&] { return places_text(places_left()); });
    std::vector<const PreparedJob*> jobs;
    for (const std::size_t place : places_from(left)) jobs.push_back(&jobs_[place]);
    check_job_plans(engine_, jobs);
    if (is_first()) check_spill_limit(settings_, jobs);
  }

  /// Writes everything but the media: a full disk is found here.
  Journal begin(RunFolder& folder) {
    try {
      const JournalContent journal = read_journal(places_.folder);
      if (!journal.header) check_new_names(jobs_);
      write_configuration(folder, call_.list.composition);
      check_same_list(places_.folder / kJobsName, list_, jobs_of(journal));
      folder.write(kJobsName, kept_list(list_));
      about_key("batch.spill_dir", [&] { fs::create_directories(places_.spill); });
      state_.logging.start_file(places_.folder / kBatchLog, Logging::File::append);
      return Journal(places_.folder, header_);
    } catch (...) {
      state_.logging.stop_file();
      folder.discard();
      throw;
    }
  }

  /// Runs what is left.
  ///
  /// journal  null on a rank beside the first one
  void run_windows(Journal* journal, const Interrupt& interrupt) {
    std::vector<OpenJob> open;
    if (journal) open = begin_work(*journal);
    const std::string of_first = text_of_first(ranks_, [&] { return to_text(open); });
    if (!journal) open = open_jobs_from(of_first);
    BatchProgress progress(std::cerr, journal ? progress_form() : BatchProgress::Form::none,
                           open.size());
    WindowMeter meter(engine_.plan().device);
    const auto width = static_cast<std::size_t>(settings_.batch.window);
    for (std::size_t i = 0; i < open.size() && !is_paused_; i += width) {
      is_paused_ = pipelines::WindowRanks(ranks_).any(interrupt.pause_token().stop_requested());
      if (is_paused_) return;
      const std::span window(open.begin() + static_cast<std::ptrdiff_t>(i),
                             std::min(width, open.size() - i));
      progress.window_begin(window.size());
      run_window(window, journal, progress, meter, interrupt);
      if (!is_paused_) progress.window_end();
    }
  }

  void run_window(std::span<const OpenJob> window, Journal* journal, BatchProgress& progress,
                  WindowMeter& meter, const Interrupt& interrupt) {
    std::vector<pipelines::BatchItem> items;
    std::vector<const PreparedJob*> jobs;
    std::vector<std::size_t> indices;
    for (const auto& [place, work] : window) {
      const PreparedJob& job = jobs_[place];
      items.push_back({job.request, journal ? job.output : pipelines::Output(),
                       fmt::format("{:04}", job.index), work.latents});
      jobs.push_back(&job);
      indices.push_back(job.index);
    }
    std::optional<BatchRecorder> recorder;
    if (journal) recorder.emplace(*journal, progress, places_, jobs, items);
    pipelines::BatchObserver nothing;
    is_paused_ = !generate(items, meter, interrupt, recorder ? *recorder : nothing);
    if (journal) journal->add_window(meter.take(std::move(indices)));
  }

  /// Returns false when the user paused it.
  bool generate(std::span<const pipelines::BatchItem> items, WindowMeter& meter,
                const Interrupt& interrupt, pipelines::BatchObserver& observer) {
    LogObserver log;
    std::optional<StageNews> news;
    std::vector<graph::Observer*> observers{&meter, &log};
    if (ranks_) observers.push_back(&news.emplace(*ranks_));
    const EitherStop stop(interrupt.token(),
                          ranks_ ? ranks_->monitor().stop_token() : std::stop_token());
    try {
      return engine_.generate_batch(items, options(std::move(observers), stop, interrupt),
                                    observer) == pipelines::BatchEnd::finished;
    } catch (const Interrupted&) {
      check_ranks(ranks_, interrupt);
      throw;
    }
  }

  pipelines::BatchOptions options(std::vector<graph::Observer*> observers, const EitherStop& stop,
                                  const Interrupt& interrupt) const {
    pipelines::BatchOptions options;
    options.size = settings_.batch.size;
    options.spill_dir = places_.spill;
    options.spill_limit_bytes = settings_.batch.spill_limit_bytes();
    options.stop = stop.token();
    options.pause = interrupt.pause_token();
    options.observers = std::move(observers);
    options.ranks = ranks_;
    return options;
  }

  /// The summary, and how the batch ended.
  int end(const JournalContent& journal) {
    const Summary summary = summary_of(jobs_, list_.size(), journal, places_);
    write_summary(places_.folder, summary);
    how_far_ = how_far(summary);
    if (is_paused_) return 0;
    std::error_code ignored;
    fs::remove(places_.spill, ignored);  // only when empty
    finish_log();
    std::cout << summary_text(summary, call_.format) << std::flush;
    return report_failures(summary, journal);
  }

  int report_failures(const Summary& summary, const JournalContent& journal) const {
    int code = 0;
    std::size_t incomplete = 0;
    for (const PreparedJob& job : jobs_) {
      const JobRecord record = journal.record(job.index);
      if (code == 0) code = record.code;
      if (record.state == JobRecord::State::done && !record.problems.empty()) ++incomplete;
    }
    if (incomplete > 0 && code == 0) code = exit_codes::kInputError;
    if (code != 0)
      std::cerr << console::label("error")
                << fmt::format("{} of {} jobs failed{}; to try them again: {}{}\n",
                               summary.count(kFailed), jobs_.size(),
                               incomplete > 0 ? fmt::format(", {} lack a file", incomplete) : "",
                               retry_command(), decode_advice(journal));
    return code;
  }

  /// How to decode the latents of failed jobs outside the batch.
  std::string decode_advice(const JournalContent& journal) const {
    std::size_t count = 0;
    std::string command;
    for (const PreparedJob& job : jobs_)
      if (const auto latents = kept_latents(journal.record(job.index), places_); latents)
        if (++count == 1) command = decode_job_command(call_.list, job, *latents);
    return count == 0 ? ""
                      : fmt::format("; the latents of {} are kept, to decode {}: {}", count,
                                    count == 1 ? "them alone" : "the first", command);
  }

  std::string retry_command() const {
    return own_command() + (call_.retry_failed ? "" : " --retry-failed");
  }

  std::string how_far(const Summary& summary) const {
    return fmt::format("{} of {} jobs are done in {}", summary.count(kDone), jobs_.size(),
                       places_.folder.string());
  }

  void finish_log() {
    if (!state_.logging.stop_file())
      std::cerr << console::label("warning") << (places_.folder / kBatchLog).string()
                << " is cut short\n";
  }

  /// Keeps what can be kept, and throws the error with how to go on.
  [[noreturn]] void fail(const JournalContent& journal, const std::exception& error,
                         const Interrupt& interrupt) {
    const Summary summary = summary_of(jobs_, list_.size(), journal, places_);
    state_.logging.log_failure(explain(error));
    state_.logging.stop_file();
    try {
      write_summary(places_.folder, summary);
    } catch (const std::exception&) {
      // The first error is the one to report.
    }
    const auto* interrupted = dynamic_cast<const Interrupted*>(&error);
    if (interrupted && dynamic_cast<const InterruptedBy*>(interrupted)) throw;
    if (interrupted) throw InterruptedBy(interrupt.signal(), "stopped: " + how_far(summary));
    throw_by_code(exit_code(error), explain(error) + "; " + how_far(summary) +
                                        "; to go on, repeat: " + own_command());
  }

  const BatchCall& call_;
  SessionState& state_;
  pipelines::Settings settings_;
  parallel::Ranks* ranks_;  ///< null for one process
  Shard shard_;
  BatchPlaces places_;
  pipelines::Engine engine_;
  JournalContent begun_;  ///< before the folder is locked
  JournalHeader header_;
  std::vector<PreparedJob> list_;  ///< all
  std::vector<PreparedJob> jobs_;  ///< of the shard
  bool is_paused_ = false;
  int signal_ = 0;       ///< that has paused it
  std::string how_far_;  ///< at the end
};

class BatchCommand final : public EngineCommandFor<BatchCall> {
  int execute(const BatchCall& call, SessionState& state) const override {
    state.logging.begin_run(call.list.composition);
    device::reuse_host_memory();
    const Interrupt interrupt(Interrupt::First::pauses);
    pipelines::Settings settings = read_batch_settings(call.list);
    const auto ranks = join_group(settings);
    std::optional<Batch> batch;
    const int code = with_ranks(ranks.get(), interrupt, [&] {
      agree_on_configuration(ranks.get(), call.list.composition, flag_facts(call));
      batch.emplace(call, state, std::move(settings), ranks.get());
      return call.dry_run ? batch->dry_run() : batch->run(interrupt);
    });
    batch->check_paused();
    return code;
  }
};

CHITU_REGISTER(EngineCommand, BatchCommand, BatchCall::kCommand);

}  // namespace
}  // namespace chitu::tools
