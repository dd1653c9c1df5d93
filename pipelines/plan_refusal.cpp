#include "pipelines/plan_refusal.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "chitu_core/common/bytes.h"
#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"

namespace chitu::pipelines {
namespace {

class Refusal {
 public:
  Refusal(const MemoryBudget& budget, const std::vector<Forecast>& rejected)
      : budget_(budget), rejected_(rejected) {
    const auto has_room = [&](const Forecast& level) { return fits_device(level); };
    for_host_ = std::any_of(rejected.begin(), rejected.end(), has_room);
  }

  /// The level that needs least.
  const Forecast& least() const {
    const Forecast* found = nullptr;
    for (const Forecast& level : rejected_)
      if (counts(level) && (!found || limit_for(level) < limit_for(*found))) found = &level;
    return *found;
  }

  std::string text() const {
    const Forecast& level = least();
    const std::int64_t bytes = limit_for(level);
    return fmt::format(
        "{}: {} do not hold this request; the least that does is {}B ({}) at "
        "infer.diffusion.low_mem_level={}; {}{}",
        for_host_ ? "infer.host_limit" : budget_.source,
        format_bytes(for_host_ ? *budget_.host_bytes : *budget_.bytes), bytes,
        format_bytes_up(bytes), level.plan.low_mem_level, join(levels()), beyond_room(bytes));
  }

 private:
  bool fits_device(const Forecast& level) const {
    return !budget_.bytes || needed_bytes(level, budget_) <= *budget_.bytes;
  }
  bool counts(const Forecast& level) const { return !for_host_ || fits_device(level); }

  /// What the limit that is short would have to be.
  std::int64_t limit_for(const Forecast& level) const {
    return for_host_ ? least_limit(needed_host_bytes(level, budget_), budget_.host_base_bytes)
                     : least_limit(needed_bytes(level, budget_), budget_.base_bytes);
  }

  std::vector<std::string> levels() const {
    std::vector<std::string> texts;
    for (const Forecast& level : rejected_) {
      texts.push_back(fmt::format("level {} needs {}", level.plan.low_mem_level,
                                  format_bytes_up(limit_for(level))));
      if (!counts(level)) texts.back() += " and is over " + budget_.source;
    }
    return texts;
  }

  /// Where a higher limit alone would not help.
  std::string beyond_room(std::int64_t bytes) const {
    const auto& room = budget_.room;
    if (for_host_ || !room || room->source == budget_.source || bytes <= room->bytes) return "";
    return fmt::format("; {} is {}", room->source, format_bytes(room->bytes));
  }

  const MemoryBudget& budget_;
  const std::vector<Forecast>& rejected_;
  bool for_host_ = false;
};

}  // namespace

void refuse_plans(const Forecasts&, const MemoryBudget& budget,
                  const std::vector<Forecast>& rejected) {
  throw OutOfMemoryError(Refusal(budget, rejected).text());
}

}  // namespace chitu::pipelines
