#include "pipelines/observe/operator_times.h"

#include <ATen/record_function.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace chitu::pipelines {
namespace {

using Clock = std::chrono::steady_clock;

/// libtorch calls plain functions, perhaps once more after they are removed, so the data that they
/// write to lives as long as the process.
struct Books {
  std::mutex mutex;
  std::unordered_map<std::string, OperatorTime> of;

  static Books& instance() {
    static auto* books = new Books;
    return *books;
  }
};

/// An operator that runs, inside the one that called it.
struct Call final : at::ObserverContext {
  Call* caller = nullptr;
  Clock::time_point begin{};
  Clock::duration in_callees{0};
};
thread_local Call* innermost = nullptr;

std::unique_ptr<at::ObserverContext> begin_call(const at::RecordFunction&) {
  auto call = std::make_unique<Call>();
  call->caller = innermost;
  innermost = call.get();
  call->begin = Clock::now();
  return call;
}

void end_call(const at::RecordFunction& function, at::ObserverContext* context) {
  auto* call = static_cast<Call*>(context);
  const auto whole = Clock::now() - call->begin;
  innermost = call->caller;
  if (innermost) innermost->in_callees += whole;
  Books& books = Books::instance();
  const std::lock_guard lock(books.mutex);
  OperatorTime& sums = books.of[function.name()];
  ++sums.calls;
  sums.self_s += std::chrono::duration<double>(whole - call->in_callees).count();
}

}  // namespace

OperatorTimes::OperatorTimes() {
  Books& books = Books::instance();
  {
    const std::lock_guard lock(books.mutex);
    books.of.clear();
  }
  callback_ = at::addGlobalCallback(
      at::RecordFunctionCallback(&begin_call, &end_call).scopes({at::RecordScope::FUNCTION}));
}

OperatorTimes::~OperatorTimes() { at::removeCallback(callback_); }

std::vector<OperatorTime> OperatorTimes::hottest() const {
  Books& books = Books::instance();
  std::vector<OperatorTime> operators;
  {
    const std::lock_guard lock(books.mutex);
    for (const auto& [name, sums] : books.of) operators.push_back({name, sums.calls, sums.self_s});
  }
  std::sort(operators.begin(), operators.end(), [](const OperatorTime& a, const OperatorTime& b) {
    return a.self_s != b.self_s ? a.self_s > b.self_s : a.name < b.name;
  });
  return operators;
}

std::string operators_table(const std::vector<OperatorTime>& operators) {
  double all_s = 0;
  std::size_t width = std::string_view("operator").size();
  for (const OperatorTime& each : operators) {
    all_s += each.self_s;
    width = std::max(width, each.name.size());
  }
  std::string table =
      fmt::format("{:<{}}  {:>9}  {:>12}  {:>7}\n", "operator", width, "calls", "self", "share");
  for (const OperatorTime& each : operators)
    table += fmt::format("{:<{}}  {:>9}  {:>10.6f} s  {:>5.1f} %\n", each.name, width, each.calls,
                         each.self_s, all_s > 0 ? 100 * each.self_s / all_s : 0.0);
  return table;
}

}  // namespace chitu::pipelines
