#include "chitu_core/parallel/degrees.h"

#include <fmt/format.h>

#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"

namespace chitu::parallel {
namespace {

std::string divisors(int number) {
  std::vector<std::string> all;
  for (int divisor = 1; divisor <= number; ++divisor)
    if (number % divisor == 0) all.push_back(std::to_string(divisor));
  return join(all);
}

/// "infer.diffusion.cp_size=2", with cfg_size where it is 2.
std::string degrees_text(const ParallelOptions& options) {
  std::string text;
  if (options.cp_size > 1 || options.cfg_size == 1)
    text = fmt::format("infer.diffusion.cp_size={}", options.cp_size);
  if (options.cfg_size > 1)
    text +=
        fmt::format("{}infer.diffusion.cfg_size={}", text.empty() ? "" : " and ", options.cfg_size);
  return text;
}

std::string ranks_text(int count) { return fmt::format("{} rank{}", count, count == 1 ? "" : "s"); }

/// The keys for a launch of this size, the guidance as asked for first.
std::string keys_for(int size, int cfg_size) {
  ParallelOptions one, two;
  one.cp_size = size;
  two.cp_size = size / 2;
  two.cfg_size = 2;
  if (size % 2 != 0) return degrees_text(one);
  return cfg_size == 2 ? degrees_text(two) + ", or " + degrees_text(one)
                       : degrees_text(one) + ", or " + degrees_text(two);
}

[[noreturn]] void refuse_single(const ParallelOptions& options, const std::string& command) {
  throw InputError(fmt::format(
      "{}: needs {}, this is one process; to start them: torchrun --no-python "
      "--nproc_per_node={} {}",
      degrees_text(options), ranks_text(options.world_size()), options.world_size(), command));
}

void check_up(const ParallelOptions& options) {
  const auto refuse = [&](const std::string& expected) {
    throw InputError(fmt::format("infer.diffusion.up={}: expected {}", options.up, expected));
  };
  if (options.up == 0) return;
  if (options.cp_size % options.up != 0)
    refuse(fmt::format("a divisor of infer.diffusion.cp_size={}: {}", options.cp_size,
                       divisors(options.cp_size)));
  const std::string with = fmt::format(" with infer.diffusion.cp_backend={}", options.backend);
  if (options.backend == "ulysses" && options.up != options.cp_size)
    refuse(fmt::format("{} or null{}", options.cp_size, with));
  if (options.backend == "ring" && options.up != 1) refuse("1 or null" + with);
  if (options.backend == "allgather") refuse("null" + with);
}

}  // namespace

void check_degrees(const ParallelOptions& options) {
  if (options.cp_size < 1)
    throw InputError(
        fmt::format("infer.diffusion.cp_size={}: expected 1 or more", options.cp_size));
  if (options.cfg_size != 1 && options.cfg_size != 2)
    throw InputError(fmt::format("infer.diffusion.cfg_size={}: expected 1 or 2", options.cfg_size));
  check_up(options);
  if (options.shard_weights && options.world_size() == 1)
    throw InputError(
        "infer.diffusion.shard_weights=true: expected false for one process; ranks of "
        "infer.diffusion.cp_size or infer.diffusion.cfg_size above 1 share weights");
}

void check_world(const ParallelOptions& options, const Launch& launch, const std::string& command) {
  if (options.world_size() == launch.size) return;
  if (launch.size == 1) refuse_single(options, command);
  throw InputError(fmt::format(
      "{}: is {}, {} has started {}: expected {}, or a launch of {}", degrees_text(options),
      ranks_text(options.world_size()), launch.launcher, launch.size,
      keys_for(launch.size, options.cfg_size), ranks_text(options.world_size())));
}

void check_groups_of_ranks(const ParallelOptions& options, const Launch& launch,
                           const std::string& command) {
  const int size = options.world_size();
  if (launch.size % size == 0) return;
  if (launch.size == 1) refuse_single(options, command);
  const int below = launch.size / size * size;
  throw InputError(fmt::format(
      "{}: is groups of {}, {} has started {}: expected infer.diffusion.cp_size x cfg_size to be "
      "a divisor of that: {}; or a launch of {}{}",
      degrees_text(options), ranks_text(size), launch.launcher, launch.size, divisors(launch.size),
      below > 0 ? fmt::format("{} or ", below) : "", ranks_text(below + size)));
}

void check_groups(const ParallelOptions& options) {
  if (options.world_size() > 1 && !options.groups)
    throw InputError(fmt::format(
        "{}: needs {}, expected 1 here: `chitu run` has them when a launcher such as torchrun "
        "starts it",
        degrees_text(options), ranks_text(options.world_size())));
}

}  // namespace chitu::parallel
