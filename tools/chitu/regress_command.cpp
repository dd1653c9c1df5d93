#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/interrupted_by.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/common/output_path.h"
#include "chitu_core/device/host_allocator.h"
#include "pipelines/run_checker.h"
#include "pipelines/settings/settings.h"
#include "tools/chitu/console.h"
#include "tools/chitu/engine_command.h"
#include "tools/chitu/interrupt.h"
#include "tools/chitu/rank_session.h"
#include "tools/chitu/regress/case_group.h"
#include "tools/chitu/regress/case_run.h"
#include "tools/chitu/regress/record_store.h"
#include "tools/chitu/regress/record_update.h"
#include "tools/chitu/regress/regress_report.h"
#include "tools/chitu/regress/time_rounds.h"
#include "tools/chitu/regress_call.h"

namespace chitu::tools {
namespace fs = std::filesystem;

namespace {

constexpr auto kReplaceBadBytes = nlohmann::json::error_handler_t::replace;  // of messages

/// Three decimals are finer than any time is measured.
double rounded(double ratio) { return std::round(ratio * 1000) / 1000; }

/// One `chitu regress`. Everything that can be checked is checked before the first case runs.
class Regression {
 public:
  /// ranks  null for one process
  Regression(const RegressCall& call, SessionState& state, const Interrupt& interrupt,
             const std::stop_token& stop, parallel::Ranks* ranks)
      : call_(call),
        state_(state),
        interrupt_(interrupt),
        ranks_(ranks),
        store_(call.cases.records),
        group_(call.cases.cases, CaseRunner(state.threads, stop, ranks), ranks) {
    agree_on_cases();
    check_configurations();
  }

  int execute() {
    if (!group_.is_first()) return follow();
    const int code = call_.action == "record"   ? record()
                     : call_.action == "update" ? update()
                                                : run();
    group_.end(code);
    return code;
  }

 private:
  int follow() {
    try {
      return group_.follow();
    } catch (const Interrupted&) {
      check_ranks(ranks_, interrupt_);
      throw;
    }
  }

  int run() {
    check_output_folder("--out " + call_.out.string(), call_.out);
    std::vector<CaseReport> reports;
    for (const RegressCase& regress_case : cases()) {
      CaseReport& report = reports.emplace_back();
      report.verdict.name = regress_case.name;
      report.stored = load(regress_case);
    }
    for (std::size_t i = 0; i < cases().size(); ++i) run_case(i, reports[i]);
    time_cases(reports);
    return finish(reports);
  }

  int record() {
    for (const RegressCase& regress_case : cases())
      if (store_.has(regress_case.name))
        throw InputError(
            fmt::format("{}: is there already; `chitu regress update` replaces it, "
                        "--case NAME records other cases",
                        store_.file_of(regress_case.name).string()));
    check_output_folder("records: " + call_.cases.records.string(), call_.cases.records);
    std::vector<StoredRecord> records;
    for (std::size_t i = 0; i < cases().size(); ++i)
      records.push_back(new_record(cases()[i], run_or_fail(i)));
    add_ratios(records);
    for (std::size_t i = 0; i < records.size(); ++i) {
      store_.save(cases()[i].name, records[i]);
      std::cout << store_.file_of(cases()[i].name).string() << "\n";
    }
    return 0;
  }

  int update() {
    std::vector<StoredRecord> before, after;
    for (const RegressCase& regress_case : cases()) before.push_back(load(regress_case));
    std::vector<RecordUpdate> updates;
    for (std::size_t i = 0; i < cases().size(); ++i)
      updates.push_back(
          updated_record(cases()[i], before[i], run_or_fail(i), {call_.add, call_.forget_others}));
    for (const RecordUpdate& update : updates) after.push_back(update.stored);
    add_ratios(after);
    for (std::size_t i = 0; i < updates.size(); ++i) {
      keep_near_ratio(before[i].record, after[i].record);
      updates[i].stored.record = after[i].record;
      apply(cases()[i].name, before[i], updates[i]);
    }
    return 0;
  }

  const std::vector<RegressCase>& cases() const { return call_.cases.cases; }

  void agree_on_cases() const {
    if (ranks_) ranks_->agree({{"the number of cases", std::to_string(cases().size())}});
    for (const RegressCase& regress_case : cases())
      agree_on_configuration(ranks_, regress_case.composition,
                             {{"the name of a case", regress_case.name}});
  }

  void check_configurations() const {
    pipelines::RunChecker checker;
    for (const RegressCase& regress_case : cases()) {
      try {
        const auto settings = config::read<pipelines::Settings>(regress_case.composition.view());
        checker.check(options_of_rank(settings, ranks_), settings.request);
      } catch (const InputError& error) {
        throw InputError(regress_case.about(error.what()));
      }
    }
  }

  StoredRecord load(const RegressCase& regress_case) const {
    if (!store_.has(regress_case.name))
      throw InputError(regress_case.about("has no record " +
                                          store_.file_of(regress_case.name).string() +
                                          "; `chitu regress record` writes it"));
    StoredRecord stored = store_.load(regress_case.name);
    if (regress_case.time && call_.action == "run" &&
        (stored.record.time_reference != regress_case.reference || !stored.record.time_ratio))
      throw InputError(regress_case.about(store_.file_of(regress_case.name).string() +
                                          " has no time relative to " + *regress_case.reference +
                                          "; `chitu regress update` measures it"));
    return stored;
  }

  void announce(const std::string& name) const {
    if (console::shows_progress()) std::cerr << "case " << name << "\n";
  }

  CaseOutcome run_or_fail(std::size_t index) {
    const RegressCase& regress_case = cases()[index];
    announce(regress_case.name);
    state_.logging.begin_run(regress_case.composition);
    try {
      return group_.run(index);
    } catch (const Interrupted&) {
      check_ranks(ranks_, interrupt_);
      if (interrupt_.signal() == 0) throw;  // another rank was interrupted
      throw InterruptedBy(interrupt_.signal(), "interrupted in case " + regress_case.name);
    } catch (const std::exception&) {
      std::throw_with_nested(Error("case " + regress_case.name));
    }
  }

  /// A case that fails does not keep the others from running.
  void run_case(std::size_t i, CaseReport& report) {
    try {
      report.outcome = run_or_fail(i);
      report.verdict = judge(cases()[i], report.stored, *report.outcome);
    } catch (const Interrupted&) {
      throw;
    } catch (const std::exception& error) {
      report.verdict.error = explain(error);
    }
  }

  std::size_t index_of(const std::string& name) const {
    for (std::size_t i = 0; i < cases().size(); ++i)
      if (cases()[i].name == name) return i;
    throw Error("no case " + name);
  }

  std::vector<TimedCase> timed_cases() const {
    std::vector<TimedCase> timed;
    for (std::size_t i = 0; i < cases().size(); ++i)
      if (cases()[i].time) timed.push_back({i, index_of(*cases()[i].reference)});
    return timed;
  }

  TimeCase timer() {
    return [this](std::size_t i) { return group_.seconds(i); };
  }

  void time_cases(std::vector<CaseReport>& reports) {
    std::vector<TimedCase> timed;
    for (TimedCase found : timed_cases()) {
      found.recorded_ratio = *reports[found.index].stored.record.time_ratio;
      const bool ran = reports[found.index].outcome && reports[found.reference].outcome;
      if (ran) timed.push_back(found);
    }
    const auto results = judge_times(timed, timer());
    for (std::size_t i = 0; i < timed.size(); ++i)
      add_time(results[i], reports[timed[i].index].verdict);
  }

  void add_ratios(std::vector<StoredRecord>& records) {
    const auto timed = timed_cases();
    const auto ratios = measure_ratios(timed, timer());
    for (std::size_t i = 0; i < timed.size(); ++i) {
      GoldenRecord& record = records[timed[i].index].record;
      record.time_reference = cases()[timed[i].index].reference;
      record.time_ratio = rounded(ratios[i]);
    }
  }

  /// Times differ a little in every run: only a change that matters is written.
  static void keep_near_ratio(const GoldenRecord& before, GoldenRecord& after) {
    if (!before.time_ratio || !after.time_ratio || before.time_reference != after.time_reference)
      return;
    const double change = *after.time_ratio / *before.time_ratio;
    if (change < kTimeSlackFactor && change > 1 / kTimeSlackFactor)
      after.time_ratio = before.time_ratio;
  }

  int finish(const std::vector<CaseReport>& reports) const {
    const std::string suite = call_.cases.path.filename().string();
    fs::create_directories(call_.out);
    write_file(call_.out / "report.html", to_html(reports, suite));
    write_file(call_.out / "junit.xml", to_junit(reports, suite));
    if (call_.json)
      std::cout << to_json(reports).dump(1, ' ', false, kReplaceBadBytes) << "\n";
    else
      std::cout << to_text(reports) << (call_.out / "report.html").string() << "\n";
    const bool passed = std::ranges::all_of(
        reports, [](const CaseReport& report) { return report.verdict.passed(); });
    return passed ? 0 : exit_codes::kFailed;
  }

  void apply(const std::string& name, const StoredRecord& before, const RecordUpdate& update) {
    const bool changed = !(before.record == update.stored.record) || update.frames_replaced;
    std::cout << name << ": " << (changed ? "changed" : "unchanged") << "\n";
    if (!changed) return;
    std::cout << line_diff(to_yaml(before.record), to_yaml(update.stored.record));
    if (update.frames_replaced) std::cout << name << ": the stored frames are replaced\n";
    for (const std::string& note : update.notes) std::cout << name << ": " << note << "\n";
    if (call_.dry_run) return;
    if (update.frames_replaced)
      store_.save(name, update.stored);
    else
      store_.save(name, update.stored.record);
  }

  const RegressCall& call_;
  SessionState& state_;
  const Interrupt& interrupt_;
  parallel::Ranks* ranks_;  ///< null for one process
  RecordStore store_;
  CaseGroup group_;
};

class RegressCommand final : public EngineCommandFor<RegressCall> {
  int execute(const RegressCall& call, SessionState& state) const override {
    device::reuse_host_memory();
    const Interrupt interrupt;
    const auto ranks = join_for(call.cases.cases);
    return with_ranks(ranks.get(), interrupt, [&] {
      const EitherStop stop(interrupt.token(),
                            ranks ? ranks->monitor().stop_token() : std::stop_token());
      return Regression(call, state, interrupt, stop.token(), ranks.get()).execute();
    });
  }
};

CHITU_REGISTER(EngineCommand, RegressCommand, RegressCall::kCommand);

}  // namespace
}  // namespace chitu::tools
