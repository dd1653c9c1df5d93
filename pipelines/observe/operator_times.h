#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace chitu::pipelines {

/// Cost of one libtorch operator in all its calls together.
struct OperatorTime {
  std::string name;  ///< as libtorch writes it: aten::mm
  std::int64_t calls = 0;
  double self_s = 0;  ///< without the operators that it called
};

/// Times every operator of any thread of the process while this exists. Only one at a time: two
/// would count twice. Without one, no callback is installed and no operator is slower.
///
/// The times are the host's. An asynchronous device may still be busy when they end.
class OperatorTimes {
 public:
  OperatorTimes();
  ~OperatorTimes();
  OperatorTimes(const OperatorTimes&) = delete;
  OperatorTimes& operator=(const OperatorTimes&) = delete;

  /// All measurements so far, the longest self time first.
  std::vector<OperatorTime> hottest() const;

 private:
  std::uint64_t callback_;
};

/// A table of name, calls, total self time and its share of all.
std::string operators_table(const std::vector<OperatorTime>& operators);

}  // namespace chitu::pipelines
