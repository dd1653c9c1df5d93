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
  Regression(const RegressCall& call, SessionState& state, const Interrupt& interrupt)
      : call_(call),
        state_(state),
        interrupt_(interrupt),
        store_(call.cases.records),
        runner_(state.threads, interrupt.token()) {
    check_configurations();
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
    for (const RegressCase& regress_case : cases())
      records.push_back(new_record(regress_case, run_or_fail(regress_case)));
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
      updates.push_back(updated_record(cases()[i], before[i], run_or_fail(cases()[i]),
                                       {call_.add, call_.forget_others}));
    for (const RecordUpdate& update : updates) after.push_back(update.stored);
    add_ratios(after);
    for (std::size_t i = 0; i < updates.size(); ++i) {
      keep_near_ratio(before[i].record, after[i].record);
      updates[i].stored.record = after[i].record;
      apply(cases()[i].name, before[i], updates[i]);
    }
    return 0;
  }

 private:
  const std::vector<RegressCase>& cases() const { return call_.cases.cases; }

  void check_configurations() const {
    pipelines::RunChecker checker;
    for (const RegressCase& regress_case : cases()) {
      try {
        const auto settings = config::read<pipelines::Settings>(regress_case.composition.view());
        checker.check(settings.engine_options(), settings.request);
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

  CaseOutcome run_or_fail(const RegressCase& regress_case) {
    announce(regress_case.name);
    state_.logging.begin_run(regress_case.composition);
    try {
      return runner_.run(regress_case);
    } catch (const Interrupted&) {
      throw InterruptedBy(interrupt_.signal(), "interrupted in case " + regress_case.name);
    } catch (const std::exception&) {
      std::throw_with_nested(Error("case " + regress_case.name));
    }
  }

  /// A case that fails does not keep the others from running.
  void run_case(std::size_t i, CaseReport& report) {
    try {
      report.outcome = run_or_fail(cases()[i]);
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
    return [this](std::size_t i) { return runner_.seconds(cases()[i]); };
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
  RecordStore store_;
  CaseRunner runner_;
};

class RegressCommand final : public EngineCommandFor<RegressCall> {
  int execute(const RegressCall& call, SessionState& state) const override {
    device::reuse_host_memory();
    const Interrupt interrupt;
    Regression regression(call, state, interrupt);
    if (call.action == "record") return regression.record();
    if (call.action == "update") return regression.update();
    return regression.run();
  }
};

CHITU_REGISTER(EngineCommand, RegressCommand, RegressCall::kCommand);

}  // namespace
}  // namespace chitu::tools
