#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/graph/events.h"
#include "chitu_core/memory/plan.h"

namespace at {
class Tensor;
}

namespace chitu::graph {

class TensorDump;

/// What every stage of one run shares.
struct Context {
  memory::MemoryPlan plan;
  std::vector<Observer*> observers;
  std::stop_token stop;        ///< requests the run to end within a step
  TensorDump* dump = nullptr;  ///< null if no dump was requested
  /// In a dry run, the most steps that a denoising stage takes; it skips the others. Empty = all.
  std::optional<std::int64_t> most_steps{};
  std::vector<std::string> failed_outputs{};  ///< what write_aside() could not write, and why

  /// Calls one event on every observer: `context.tell([&](auto& o) { o.step_begin(i, n); })`.
  void tell(auto&& event) const {
    for (Observer* observer : observers) event(*observer);
  }
  /// throws  Interrupted if a stop was requested
  void check_stop() const;
  /// Keeps the tensor under this name if a dump was requested.
  void keep(std::string_view name, const at::Tensor& tensor) const;
  /// Writes a file beside the result. If that fails, the run continues, and failed_outputs gets the
  /// failure with the key that asked for the file.
  ///
  /// throws  Interrupted
  void write_aside(const std::string& key, const std::function<void()>& write);
};

}  // namespace chitu::graph
