#include "chitu_core/io/hash.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <numeric>

#include "chitu_core/common/files.h"
#include "chitu_core/io/base64.h"
#include "chitu_core/io/content_hash.h"
#include "chitu_core/io/frames_digest.h"
#include "chitu_core/io/safetensors.h"
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

TEST_CASE("base64 of any length decodes to the same bytes", "[io]") {
  CHECK(encode_base64("") == "");
  CHECK(encode_base64("f") == "Zg==");
  CHECK(encode_base64("fo") == "Zm8=");
  CHECK(encode_base64("foo") == "Zm9v");
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  CHECK(decode_base64(encode_base64(bytes)) == bytes);
}

TEST_CASE("a digest of frames has the sums of their bytes, whatever the number of threads",
          "[io]") {
  const at::Tensor clip =
      at::stack({at::zeros({2, 2, 3}, at::kByte), at::arange(12, at::kByte).reshape({2, 2, 3})});
  const int threads = at::get_num_threads();
  for (const int count : {1, 2, 3}) {
    at::set_num_threads(count);
    const FramesDigest digest = digest_of(clip);
    CHECK(digest.each == std::vector<std::string>{
                             sha256(std::string(12, '\0')),
                             "fff3a9bcdd37363d703c1c4f9512533686157868f0d4f16a0f02d0f1da24f9a2"});
    CHECK(digest.all == "19e1afcc98a95f1d00e0c3bf318ddfd6ac6c860145e558b5cf6d967fba0d2a9e");
    CHECK(digest.width_px == 2);
  }
  at::set_num_threads(threads);
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
