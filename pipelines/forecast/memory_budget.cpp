#include "pipelines/forecast/memory_budget.h"

#include <fmt/format.h>

#include <algorithm>

#include "chitu_core/common/bytes.h"
#include "pipelines/machine/profile_rates.h"

namespace chitu::pipelines {
namespace {

constexpr std::int64_t kMiB = 1 << 20;
/// Sizes of a process differ by some 0.5 MiB of 170 MiB between starts.
constexpr std::int64_t kLeastMargin = 4 * kMiB;
constexpr std::int64_t kMarginShare = 64;

/// The lower of two limits, the first if they are equal; an empty one is no limit.
std::optional<MemoryBound> least(const std::optional<MemoryBound>& first,
                                 const std::optional<MemoryBound>& second) {
  if (!first || !second) return first ? first : second;
  return second->bytes < first->bytes ? second : first;
}

/// Memory that no limit can increase.
std::optional<MemoryBound> room_of(const MemoryFacts& facts) {
  std::optional<MemoryBound> free;
  if (facts.room) free = MemoryBound{facts.room->free_bytes, "free memory of " + facts.device};
  return least(facts.declared, free);
}

/// A share of a device of unknown size is no limit.
std::optional<MemoryBound> limit_of(const memory::MemoryConfig& config, const MemoryFacts& facts) {
  const auto& limit = config.vram_limit;
  const auto total = facts.total_bytes();
  if (!limit || (limit->bytes == 0 && !total)) return std::nullopt;
  return MemoryBound{limit->of(total.value_or(0)), "infer.vram_limit"};
}

}  // namespace

std::optional<MemoryBound> declared_memory(const std::optional<std::int64_t>& capacity_bytes,
                                           const std::optional<DeviceProfile>& profile,
                                           c10::Device computes_on) {
  if (capacity_bytes) return MemoryBound{*capacity_bytes, "device.capacity"};
  if (!profile || !profile->memory_bytes || !describes(*profile, computes_on)) return std::nullopt;
  return MemoryBound{*profile->memory_bytes, "device.profile.memory"};
}

std::optional<std::int64_t> MemoryFacts::total_bytes() const {
  if (declared) return declared->bytes;
  return room ? std::optional(room->total_bytes) : std::nullopt;
}

MemoryBudget memory_budget(const memory::MemoryConfig& config, const MemoryFacts& facts) {
  MemoryBudget budget;
  budget.room = room_of(facts);
  if (const auto bound = least(limit_of(config, facts), budget.room)) {
    budget.bytes = bound->bytes;
    budget.source = bound->source;
  }
  if (facts.host_computes) budget.base_bytes = facts.process_bytes;
  budget.library_bytes = facts.library_bytes;
  budget.host_base_bytes = facts.process_bytes;
  if (config.host_limit) budget.host_bytes = config.host_limit->of(facts.host_total_bytes);
  return budget;
}

bool chooses_plan(const memory::MemoryConfig& config) {
  return !config.low_mem_level || config.vram_limit || config.host_limit;
}

std::int64_t needed_bytes(const Forecast& forecast, const MemoryBudget& budget) {
  return budget.base_bytes + budget.library_bytes + forecast.peak_bytes();
}

std::int64_t needed_host_bytes(const Forecast& forecast, const MemoryBudget& budget) {
  return budget.host_base_bytes + forecast.peak_host_bytes;
}

std::optional<bool> fits(const Forecast& forecast, const MemoryBudget& budget) {
  if (!budget.bytes && !budget.host_bytes) return std::nullopt;
  const bool device_fits = !budget.bytes || needed_bytes(forecast, budget) <= *budget.bytes;
  return device_fits &&
         (!budget.host_bytes || needed_host_bytes(forecast, budget) <= *budget.host_bytes);
}

std::int64_t least_limit(std::int64_t needed_bytes, std::int64_t base_bytes) {
  if (base_bytes == 0) return needed_bytes;
  const std::int64_t margin = std::max(kLeastMargin, base_bytes / kMarginShare);
  return (needed_bytes + margin + kMiB - 1) / kMiB * kMiB;
}

std::vector<Overrun> overruns(const MemoryBudget& budget, std::int64_t peak_bytes,
                              std::int64_t peak_host_bytes) {
  std::vector<Overrun> found;
  const bool is_limit = !budget.source.starts_with("free ");
  if (is_limit && budget.bytes && peak_bytes > *budget.bytes)
    found.push_back({budget.source, *budget.bytes, peak_bytes});
  if (budget.host_bytes && peak_host_bytes > *budget.host_bytes)
    found.push_back({"infer.host_limit", *budget.host_bytes, peak_host_bytes});
  return found;
}

std::string to_string(const Overrun& overrun) {
  return fmt::format(
      "{}: the run held {}, {} more than the limit of {}; memory of libraries "
      "is an estimate",
      overrun.source, format_bytes(overrun.peak_bytes),
      format_bytes(overrun.peak_bytes - overrun.limit_bytes), format_bytes(overrun.limit_bytes));
}

}  // namespace chitu::pipelines
