#include "chitu_core/parallel/launch.h"

#include <map>

#include "chitu_core/common/error.h"
#include "tests/support/catch.h"

namespace chitu::parallel {
namespace {

using Variables = std::map<std::string, std::string>;

Launch launch_of(const Variables& variables) {
  return read_launch([&](const std::string& name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
}

Variables with(Variables variables, const Variables& more) {
  for (const auto& [name, value] : more) variables[name] = value;
  return variables;
}

Variables without(Variables variables, const std::string& name) {
  variables.erase(name);
  return variables;
}

const Variables kTorchrun{{"RANK", "3"},
                          {"WORLD_SIZE", "4"},
                          {"LOCAL_RANK", "1"},
                          {"LOCAL_WORLD_SIZE", "2"},
                          {"MASTER_ADDR", "node0"},
                          {"MASTER_PORT", "1234"}};
const Variables kOpenMpi{{"OMPI_COMM_WORLD_RANK", "1"},
                         {"OMPI_COMM_WORLD_SIZE", "2"},
                         {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                         {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}};
const Variables kSlurm{{"SLURM_PROCID", "2"},  {"SLURM_NTASKS", "4"},
                       {"SLURM_LOCALID", "0"}, {"SLURM_JOB_ID", "42"},
                       {"SLURM_STEP_ID", "0"}, {"SLURM_STEP_NODELIST", "node[03-07,09],login1"}};

TEST_CASE("without a launcher there is one process", "[parallel]") {
  CHECK(launch_of({}) == Launch{});
  CHECK(launch_of({{"MASTER_ADDR", "node0"}, {"MASTER_PORT", "1"}, {"LOCAL_RANK", "0"}}) ==
        Launch{});
}

TEST_CASE("the variables of torchrun tell rank, size and the host of rank 0", "[parallel]") {
  CHECK(launch_of(kTorchrun) == Launch{.launcher = "torchrun",
                                       .rank = 3,
                                       .size = 4,
                                       .local_rank = 1,
                                       .local_size = 2,
                                       .address = "node0",
                                       .port = 1234});
  const Launch agents = launch_of(with(
      kTorchrun, {{"TORCHELASTIC_USE_AGENT_STORE", "True"}, {"TORCHELASTIC_RESTART_COUNT", "2"}}));
  CHECK(agents.launcher_has_store);
  CHECK(agents.attempt == 2);
  CHECK(launch_of({{"RANK", "0"}, {"WORLD_SIZE", "1"}}).size == 1);
}

TEST_CASE("the variables of Open MPI on one host need no address", "[parallel]") {
  const Launch launch = launch_of(kOpenMpi);
  CHECK(launch.rank == 1);
  CHECK(launch.size == 2);
  CHECK(launch.local_rank == 1);
  CHECK(launch.address == "127.0.0.1");
  CHECK(launch.port == 29500);
  CHECK(launch_of(with(kOpenMpi, {{"MASTER_ADDR", "node0"}, {"MASTER_PORT", "7"}})).port == 7);
  CHECK_THROWS_WITH(launch_of(with(kOpenMpi, {{"OMPI_COMM_WORLD_LOCAL_SIZE", "1"},
                                              {"OMPI_COMM_WORLD_LOCAL_RANK", "0"}})),
                    Catch::ContainsSubstring("mpirun -x MASTER_ADDR=<host>"));
}

TEST_CASE("rank 0 of a Slurm step is on the first host of its list", "[parallel]") {
  const Launch launch = launch_of(kSlurm);
  CHECK(launch.rank == 2);
  CHECK(launch.size == 4);
  CHECK(launch.address == "node03");
  CHECK(launch.port == 20042);
  for (const auto& [list, host] : Variables{{"a", "a"},
                                            {"a,b", "a"},
                                            {"n[3,5]", "n3"},
                                            {"n[3-5]", "n3"},
                                            {"n[3]", "n3"},
                                            {"n[03-4].site,m", "n03.site"}})
    CHECK(launch_of(with(kSlurm, {{"SLURM_STEP_NODELIST", list}})).address == host);
}

TEST_CASE("a batch script of Slurm is one process until it calls srun", "[parallel]") {
  CHECK(launch_of(without(kSlurm, "SLURM_STEP_ID")) == Launch{});
}

TEST_CASE("the variables of torchrun count before those of what started it", "[parallel]") {
  CHECK(launch_of(with(kSlurm, kTorchrun)) == launch_of(kTorchrun));
}

TEST_CASE("an incomplete or contradictory launch is refused by the variable", "[parallel]") {
  const auto [variables, problem] = GENERATE(table<Variables, std::string>({
      {without(kTorchrun, "RANK"),
       "WORLD_SIZE is set and RANK is not: expected both, as a launcher "
       "sets them, or neither for one process"},
      {without(kTorchrun, "WORLD_SIZE"),
       "RANK is set and WORLD_SIZE is not: expected both, as a "
       "launcher sets them, or neither for one process"},
      {without(kTorchrun, "MASTER_ADDR"),
       "MASTER_ADDR is not set: expected MASTER_ADDR and "
       "MASTER_PORT beside WORLD_SIZE=4, to find rank 0"},
      {without(kTorchrun, "MASTER_PORT"),
       "MASTER_PORT is not set: expected MASTER_ADDR and "
       "MASTER_PORT beside WORLD_SIZE=4, to find rank 0"},
      {with(kTorchrun, {{"RANK", "4"}}), "RANK=4: expected 0 to 3, as WORLD_SIZE is 4"},
      {with(kTorchrun, {{"LOCAL_RANK", "2"}}),
       "LOCAL_RANK=2: expected 0 to 1, as LOCAL_WORLD_SIZE is 2"},
      {with(kTorchrun, {{"RANK", "one"}}), "RANK=one: expected a whole number, 0 to 65536"},
      {with(kTorchrun, {{"WORLD_SIZE", "0"}}), "WORLD_SIZE=0: expected a whole number, 1 to 65536"},
      {with(kTorchrun, {{"MASTER_PORT", "70000"}}),
       "MASTER_PORT=70000: expected a whole number, 1 to 65535"},
      {without(kOpenMpi, "OMPI_COMM_WORLD_SIZE"),
       "OMPI_COMM_WORLD_RANK is set and OMPI_COMM_WORLD_SIZE is not: expected both, as a launcher "
       "sets them, or neither for one process"},
      {without(kSlurm, "SLURM_STEP_NODELIST"),
       "MASTER_ADDR is not set, nor SLURM_STEP_NODELIST: expected the address of the host of rank "
       "0"},
  }));
  CHECK_THROWS_AS(launch_of(variables), InputError);
  CHECK_THROWS_WITH(launch_of(variables), problem);
}

}  // namespace
}  // namespace chitu::parallel
