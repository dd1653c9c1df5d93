#include "chitu_core/io/hash.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <numeric>

#include "chitu_core/common/files.h"
#include "chitu_core/io/content_hash.h"
#include "tests/io/scratch_folder.h"
#include "tests/support/catch.h"

namespace chitu::io {
namespace {

TEST_CASE("a checksum over pieces equals the checksum over the whole", "[io]") {
  CHECK(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256 sum;
  for (const char* piece : {"a", "", "bc"}) sum.update(piece);
  CHECK(sum.finish() == sha256("abc"));
}

TEST_CASE("the checksum of a file covers every byte, for any number of threads", "[io]") {
  const ScratchFolder folder("content");
  const auto path = folder / "model.safetensors";
  write_safetensors(path, {{"large", at::arange(9 << 20, at::kInt)}, {"small", at::ones({3})}});
  int calls = 0;
  const auto sum = [&] { return content_sum(SafetensorsFile(path), [&] { ++calls; }); };
  const std::string right = sum();
  CHECK(calls > 0);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  CHECK(sum() == right);
  at::set_num_threads(threads);
  std::string bytes = read_file(path);
  const std::size_t last = bytes.size() - 1;
  for (const std::size_t offset : {last, last / 2, last / 3}) {
    bytes[offset] ^= 1;
    write_file(path, bytes);
    CHECK(sum() != right);
    bytes[offset] ^= 1;
  }
  write_file(path, bytes);
  CHECK(sum() == right);
}

TEST_CASE("a checksum over samples covers the header and the beginning of every tensor", "[io]") {
  const ScratchFolder folder("sampled");
  const auto path = folder / "model.safetensors";
  const auto sum_of = [&](const std::vector<std::pair<std::string, at::Tensor>>& tensors) {
    write_safetensors(path, tensors);
    return sampled_sum(SafetensorsFile(path));
  };
  const at::Tensor large = at::zeros({1 << 16}), none = at::zeros({0});
  at::Tensor changed = large.clone();
  changed[0] = 1;
  const auto right = sum_of({{"a", large}, {"b", large}, {"empty", none}});
  CHECK(sum_of({{"a", large}, {"b", large}, {"empty", none}}) == right);
  CHECK(sum_of({{"a", large}, {"c", large}, {"empty", none}}) != right);
  CHECK(sum_of({{"a", large}, {"b", changed}, {"empty", none}}) != right);
}

}  // namespace
}  // namespace chitu::io
