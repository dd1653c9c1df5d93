#pragma once

#include <functional>
#include <optional>
#include <string>

namespace chitu::parallel {

/// The place of this process among those that a launcher has started.
struct Launch {
  std::string launcher{};  ///< "torchrun", "Open MPI" or "Slurm"; empty: started by none of them
  int rank = 0;
  int size = 1;
  std::optional<int> local_rank{};  ///< among the ranks of this host
  std::optional<int> local_size{};  ///< ranks of this host
  std::string address{};            ///< of the host of rank 0; empty for a single process
  int port = 0;                     ///< of the store there
  bool launcher_has_store = false;  ///< the launcher serves the store, not rank 0
  int attempt = 0;                  ///< counts the restarts by the launcher
  int first_rank = 0;  ///< the number of rank 0 among all that the launcher has started

  bool operator==(const Launch&) const = default;
};

/// Reads one variable; empty if it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// The launch that these variables describe: those of torchrun (RANK, WORLD_SIZE, LOCAL_RANK,
/// MASTER_ADDR, MASTER_PORT), else of Open MPI (OMPI_COMM_WORLD_RANK and so on), else of a Slurm
/// step (SLURM_PROCID and so on). With the last two, MASTER_ADDR and MASTER_PORT say where rank 0
/// is if they are set. Without any of them, one process.
///
/// throws  InputError naming the variable that is missing, no number, or does not fit the others
Launch read_launch(const Environment& environment);

/// That of this process.
Launch read_launch();

/// The group that a process belongs to, as a launch of its own: so many consecutive ranks. Where it
/// is not the whole launch, its address is still that of the whole one.
///
/// size  of a group; the launch has a multiple of it
Launch group_of(Launch launch, int size);

}  // namespace chitu::parallel
