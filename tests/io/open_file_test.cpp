#include "chitu_core/io/open_file.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <filesystem>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/system_limits.h"
#include "chitu_core/io/checkpoint.h"
#include "chitu_core/io/safetensors.h"
#include "tests/io/scratch_folder.h"
#include "tests/support/catch.h"
#include "tests/support/lower_limit.h"

namespace chitu::io {
namespace {

std::string shard_name(int number) { return fmt::format("model-{:05}.safetensors", number); }

/// One tensor w<i> in each shard, with three values i.
void write_many_shards(const ScratchFolder& folder, int count) {
  std::string map;
  for (int i = 0; i < count; ++i) {
    write_safetensors(folder / shard_name(i), {{fmt::format("w{}", i), at::full({3}, float(i))}});
    map += fmt::format("{}\"w{}\":\"{}\"", i == 0 ? "" : ",", i, shard_name(i));
  }
  write_file(folder / "model.safetensors.index.json", "{\"weight_map\":{" + map + "}}");
}

/// Descriptors of this process that refer to files in the folder.
int open_files(const ScratchFolder& folder) {
  int count = 0;
  std::error_code ignored;  // one of them belongs to the iterator
  for (const auto& descriptor : std::filesystem::directory_iterator("/proc/self/fd"))
    if (std::filesystem::read_symlink(descriptor, ignored).parent_path() == folder.path()) ++count;
  return count;
}

TEST_CASE("a checkpoint may have more shards than the process may have files", "[io]") {
  const ScratchFolder folder("many_shards");
  constexpr int kShards = 200;
  write_many_shards(folder, kShards);
  const testing::LowerLimit limit(RLIMIT_NOFILE, 64);
  const Checkpoint checkpoint(folder.path());
  REQUIRE(checkpoint.names().size() == kShards);
  for (int i = 0; i < kShards; ++i) {
    at::Tensor read = at::empty({3});
    checkpoint.read_into(fmt::format("w{}", i), read);
    CHECK(read.sum().item<float>() == 3 * float(i));
    CHECK(open_files(folder) <= 16);
  }
  CHECK(checkpoint.tensor("w7").sum().item<float>() == 21);
}

TEST_CASE("a file that is read again must be the one that was opened", "[io]") {
  const ScratchFolder folder("replaced");
  write_many_shards(folder, 40);
  const testing::LowerLimit limit(RLIMIT_NOFILE, 64);
  const Checkpoint checkpoint(folder.path());
  at::Tensor read = at::empty({3});
  write_safetensors(folder / shard_name(0), {{"w0", at::zeros({3})}});  // under the same name
  CHECK_THROWS_WITH(checkpoint.read_into("w0", read),
                    Catch::EndsWith("the file has been replaced while it was in use"));
  std::filesystem::remove(folder / shard_name(1));
  CHECK_THROWS_WITH(checkpoint.read_into("w1", read), Catch::EndsWith("No such file or directory"));
}

TEST_CASE("the error of a process without file descriptors says so", "[io]") {
  const ScratchFolder folder("no_files");
  write_many_shards(folder, 2);
  const testing::LowerLimit limit(RLIMIT_NOFILE, 3);
  CHECK_THROWS_AS(OpenFile(folder / shard_name(0)), SystemLimitError);
}

}  // namespace
}  // namespace chitu::io
