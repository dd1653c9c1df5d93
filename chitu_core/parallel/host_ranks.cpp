#include "chitu_core/parallel/host_ranks.h"

#include <fmt/format.h>
#include <spdlog/logger.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "chitu_core/common/log.h"
#include "chitu_core/device/shared_host_memory.h"
#include "chitu_core/parallel/store.h"

namespace chitu::parallel {
namespace {

using device::SharedHostMemory;

/// The start of the system and the processes that are seen here; empty if that is not known.
std::string host_name() {
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  std::error_code failed;
  const auto processes = std::filesystem::read_symlink("/proc/self/ns/pid", failed);
  return boot.empty() || failed ? "" : boot + " " + processes.string();
}

std::string key_of(int rank) { return fmt::format("host/{}", rank); }
std::string opened_key_of(int rank) { return fmt::format("host/{}/opened", rank); }

nlohmann::json describe(const SharedHostMemory* memory) {
  nlohmann::json own{{"host", host_name()}};
  if (memory) own["place"] = {memory->place().process, memory->place().descriptor};
  return own;
}

/// The ranks of this host that share memory, in order.
std::vector<int> ranks_here(const std::vector<nlohmann::json>& all, int rank) {
  const auto& own = all[static_cast<std::size_t>(rank)];
  std::vector<int> here;
  for (std::size_t other = 0; other < all.size(); ++other)
    if (all[other].contains("place") && !own.at("host").get<std::string>().empty() &&
        all[other].at("host") == own.at("host"))
      here.push_back(static_cast<int>(other));
  return here;
}

}  // namespace

std::shared_ptr<SharedHostMemory> memory_of_host(
    Store& store, int rank, int size,
    const std::function<std::string(const std::string& key)>& wait_for) {
  auto memory = SharedHostMemory::make();
  store.set(key_of(rank), describe(memory.get()).dump());
  std::vector<nlohmann::json> all;
  for (int other = 0; other < size; ++other)
    all.push_back(nlohmann::json::parse(wait_for(key_of(other))));
  const std::vector<int> here = ranks_here(all, rank);
  if (!memory || here.size() < 2) {
    memory = nullptr;
  } else if (here.front() != rank) {
    const auto& place = all[static_cast<std::size_t>(here.front())].at("place");
    memory = SharedHostMemory::open({place.at(0), place.at(1)});
    if (!memory)
      logger("parallel")
          ->warn(
              "the memory of rank {} cannot be opened: this rank keeps weights in host memory of "
              "its "
              "own",
              here.front());
  }
  store.set(opened_key_of(rank), "");
  for (int other = 0; other < size; ++other) wait_for(opened_key_of(other));
  return memory;
}

}  // namespace chitu::parallel
