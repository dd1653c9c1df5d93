#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace chitu::pipelines {

/// What one of libtorch's operators took in all its calls together.
struct OperatorTime {
  std::string name;  ///< as libtorch writes it: aten::mm
  std::int64_t calls = 0;
  double self_s = 0;  ///< without the operators that it called
};

/// Times every operator that any thread of the process runs while this lives. One at a time: two
/// would count twice. Nothing is called, and no operator is slower, when there is none.
///
/// The times are the host's. A device that computes on its own is still busy when they end.
class OperatorTimes {
 public:
  OperatorTimes();
  ~OperatorTimes();
  OperatorTimes(const OperatorTimes&) = delete;
  OperatorTimes& operator=(const OperatorTimes&) = delete;

  /// What was timed so far, the longest self time first.
  std::vector<OperatorTime> hottest() const;

 private:
  std::uint64_t callback_;
};

/// A table of name, calls, total self time and its share of all.
std::string operators_table(const std::vector<OperatorTime>& operators);

}  // namespace chitu::pipelines
