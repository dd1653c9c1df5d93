#include "chitu_core/parallel/launch.h"

#include <fmt/format.h>

#include <cstdlib>

#include "chitu_core/common/error.h"
#include "chitu_core/common/parse_number.h"

namespace chitu::parallel {
namespace {

constexpr int kDefaultPort = 29500;  // that of torchrun
constexpr int kMostRanks = 1 << 16;
constexpr int kLastPort = 65535;

/// The variables in which a launcher passes the same things.
struct Names {
  const char *launcher, *rank, *size, *local_rank, *local_size;
};

constexpr Names kTorchrun{"torchrun", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"};
constexpr Names kOpenMpi{"Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE",
                         "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"};
constexpr Names kSlurm{"Slurm", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID",
                       "SLURM_NTASKS_PER_NODE"};

std::optional<int> number(const Environment& get, const char* name, int least, int most) {
  const auto text = get(name);
  if (!text || text->empty()) return std::nullopt;
  const auto value = parse_number<int>(*text);
  if (!value || *value < least || *value > most)
    throw InputError(
        fmt::format("{}={}: expected a whole number, {} to {}", name, *text, least, most));
  return value;
}

/// One of two variables that only mean something together.
int needed(const Environment& get, const char* name, const char* beside, int least, int most) {
  if (const auto value = number(get, name, least, most)) return *value;
  throw InputError(
      fmt::format("{} is set and {} is not: expected both, as a launcher sets them, or "
                  "neither for one process",
                  beside, name));
}

void check_below(const char* name, int value, const char* of, int count) {
  if (value >= count)
    throw InputError(
        fmt::format("{}={}: expected 0 to {}, as {} is {}", name, value, count - 1, of, count));
}

void check(const Names& names, const Launch& launch) {
  check_below(names.rank, launch.rank, names.size, launch.size);
  if (!launch.local_rank) return;
  check_below(names.local_rank, *launch.local_rank, names.size, launch.size);
  if (launch.local_size)
    check_below(names.local_rank, *launch.local_rank, names.local_size, *launch.local_size);
}

bool is_set(const Environment& get, const char* name) {
  const auto text = get(name);
  return text && !text->empty();
}

Launch ranks_of(const Names& names, const Environment& get) {
  Launch launch;
  launch.launcher = names.launcher;
  launch.size = needed(get, names.size, names.rank, 1, kMostRanks);
  launch.rank = needed(get, names.rank, names.size, 0, kMostRanks);
  launch.local_rank = number(get, names.local_rank, 0, kMostRanks);
  launch.local_size = number(get, names.local_size, 1, kMostRanks);
  check(names, launch);
  return launch;
}

std::string master_address(const Environment& get) { return get("MASTER_ADDR").value_or(""); }

/// The first host of Slurm's list, such as node03 of "node[03-07,09],login1".
std::string first_host(const std::string& list) {
  const std::size_t end = list.find_first_of(",[");
  const std::string name = list.substr(0, end);
  if (end == std::string::npos || list[end] == ',') return name;
  const std::size_t last = list.find_first_of(",-]", end + 1);
  if (last == std::string::npos) return "";
  const std::size_t closes = list.find(']', last);
  if (closes == std::string::npos) return "";
  const std::size_t next = list.find(',', closes);
  return name + list.substr(end + 1, last - end - 1) +
         list.substr(closes + 1, next == std::string::npos ? next : next - closes - 1);
}

Launch of_torchrun(const Environment& get) {
  Launch launch = ranks_of(kTorchrun, get);
  launch.launcher_has_store = get("TORCHELASTIC_USE_AGENT_STORE") == "True";
  launch.attempt = number(get, "TORCHELASTIC_RESTART_COUNT", 0, kMostRanks).value_or(0);
  launch.address = master_address(get);
  launch.port = number(get, "MASTER_PORT", 1, kLastPort).value_or(0);
  if (launch.size > 1 && (launch.address.empty() || launch.port == 0))
    throw InputError(fmt::format(
        "{} is not set: expected MASTER_ADDR and MASTER_PORT beside WORLD_SIZE={}, to find rank 0",
        launch.address.empty() ? "MASTER_ADDR" : "MASTER_PORT", launch.size));
  return launch;
}

Launch of_open_mpi(const Environment& get) {
  Launch launch = ranks_of(kOpenMpi, get);
  launch.port = number(get, "MASTER_PORT", 1, kLastPort).value_or(kDefaultPort);
  launch.address = master_address(get);
  if (launch.address.empty() && launch.local_size == launch.size) launch.address = "127.0.0.1";
  if (launch.size > 1 && launch.address.empty())
    throw InputError(
        "MASTER_ADDR is not set: expected the address of the host of rank 0, as the ranks are on "
        "several hosts: mpirun -x MASTER_ADDR=<host>");
  return launch;
}

/// Jobs that share a host have ports of their own.
int slurm_port(const Environment& get) {
  constexpr int kFirst = 20000, kCount = 10000;
  const auto job = parse_number<unsigned>(get("SLURM_JOB_ID").value_or(""));
  return job ? kFirst + static_cast<int>(*job % kCount) : kDefaultPort;
}

std::string slurm_host(const Environment& get) {
  for (const char* name : {"SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST", "SLURM_NODELIST"})
    if (is_set(get, name)) return first_host(*get(name));
  return "";
}

Launch of_slurm(const Environment& get) {
  Launch launch = ranks_of(kSlurm, get);
  launch.port = number(get, "MASTER_PORT", 1, kLastPort).value_or(slurm_port(get));
  launch.address = master_address(get);
  if (launch.address.empty()) launch.address = slurm_host(get);
  if (launch.size > 1 && launch.address.empty())
    throw InputError(
        "MASTER_ADDR is not set, nor SLURM_STEP_NODELIST: expected the address of the host of rank "
        "0");
  return launch;
}

/// A batch script of Slurm has these variables too; it is one process until it calls srun, which
/// sets the number of the step.
bool is_slurm_step(const Environment& get) {
  const bool in_job = is_set(get, "SLURM_JOB_ID");
  const bool in_step = is_set(get, "SLURM_STEP_ID") || is_set(get, "SLURM_STEPID");
  return is_set(get, kSlurm.rank) && (in_step || !in_job);
}

}  // namespace

Launch read_launch(const Environment& get) {
  if (is_set(get, kTorchrun.rank) || is_set(get, kTorchrun.size)) return of_torchrun(get);
  if (is_set(get, kOpenMpi.rank) || is_set(get, kOpenMpi.size)) return of_open_mpi(get);
  if (is_slurm_step(get)) return of_slurm(get);
  return {};
}

Launch group_of(Launch launch, int size) {
  launch.first_rank += launch.rank / size * size;
  launch.rank %= size;
  launch.size = size;
  return launch;
}

Launch read_launch() {
  return read_launch([](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value ? std::optional<std::string>(value) : std::nullopt;
  });
}

}  // namespace chitu::parallel
