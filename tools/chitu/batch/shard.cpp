#include "tools/chitu/batch/shard.h"

#include <fmt/format.h>

#include <algorithm>

#include "chitu_core/common/error.h"
#include "chitu_core/common/parse_number.h"

namespace chitu::tools {
namespace {

using parallel::Environment;

constexpr std::size_t kMostShards = 1'000'000;

std::optional<std::size_t> number(std::string_view text) {
  const auto value = parse_number<std::size_t>(text);
  return value && *value <= kMostShards ? value : std::nullopt;
}

/// A number from the environment; empty when it is not set.
std::optional<std::size_t> number_in(const Environment& environment, const char* name) {
  const auto text = environment(name);
  if (!text || text->empty()) return std::nullopt;
  if (const auto value = number(*text)) return value;
  throw InputError(fmt::format("{}={}: expected a number up to {}, or batch.shard=1/1", name, *text,
                               kMostShards));
}

/// The variable that has to stand beside another one.
std::size_t needed(const Environment& environment, const char* name, const char* beside) {
  if (const auto value = number_in(environment, name)) return *value;
  throw InputError(
      fmt::format("{} is set without {}; expected both, or batch.shard=i/n", beside, name));
}

Shard checked(std::size_t index, std::size_t count, const std::string& what) {
  if (index < count) return {index, count};
  throw InputError(fmt::format("{}: expected a number below {}, or batch.shard=i/n", what, count));
}

Shard slurm_shard(const Environment& environment) {
  constexpr const char* kTask = "SLURM_ARRAY_TASK_ID";
  const auto task = number_in(environment, kTask);
  if (!task) return {};
  const std::size_t count = needed(environment, "SLURM_ARRAY_TASK_COUNT", kTask);
  const std::size_t least = number_in(environment, "SLURM_ARRAY_TASK_MIN").value_or(0);
  const std::size_t step = number_in(environment, "SLURM_ARRAY_TASK_STEP").value_or(1);
  const std::size_t offset = *task - least;  // wraps around below least, which is refused as well
  if (step == 0 || *task < least || offset % step != 0 || offset / step >= count)
    throw InputError(fmt::format(
        "{}={}: is none of {} numbers from {} in steps of {}; expected an array such as "
        "--array=0-{}, or batch.shard=i/n",
        kTask, *task, count, least, step, count == 0 ? 0 : count - 1));
  return {offset / step, count};
}

/// Of torchrun these two variables are enough.
Shard torchrun_shard(const Environment& environment) {
  const auto rank = number_in(environment, "RANK");
  if (!rank) return {};
  return checked(*rank, needed(environment, "WORLD_SIZE", "RANK"), fmt::format("RANK={}", *rank));
}

Shard launch_shard(const Environment& environment) {
  if (environment("RANK").value_or("") != "") return torchrun_shard(environment);
  const parallel::Launch launch = parallel::read_launch(environment);
  return {static_cast<std::size_t>(launch.rank), static_cast<std::size_t>(launch.size)};
}

}  // namespace

std::string Shard::text() const { return fmt::format("{}/{}", index + 1, count); }

std::string Shard::folder_name() const { return fmt::format("shard-{}-of-{}", index + 1, count); }

Shard parse_shard(const std::string& text) {
  const auto slash = text.find('/');
  const auto first = number(std::string_view(text).substr(0, slash));
  const auto count =
      slash == std::string::npos ? std::nullopt : number(std::string_view(text).substr(slash + 1));
  if (first && count && *first >= 1 && *first <= *count) return {*first - 1, *count};
  const auto most = count && *count > 0 ? *count : 4;
  throw InputError(fmt::format("batch.shard={}: expected i/n with i from 1 to n, such as {}", text,
                               fmt::format("1/{} to {}/{}", most, most, most)));
}

Shard environment_shard(const Environment& environment, int ranks) {
  const auto width = static_cast<std::size_t>(ranks);
  const Shard task = slurm_shard(environment), process = launch_shard(environment);
  const Shard group{process.index / width, std::max<std::size_t>(process.count / width, 1)};
  return {task.index * group.count + group.index, task.count * group.count};
}

}  // namespace chitu::tools
