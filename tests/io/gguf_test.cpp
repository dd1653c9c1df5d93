#include <ATen/ATen.h>

#include <filesystem>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/io/checkpoint.h"
#include "chitu_core/io/gguf/block_types.h"
#include "chitu_core/io/gguf/gguf_file.h"
#include "chitu_core/io/safetensors.h"
#include "tests/io/gguf_files.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::io {
namespace {

using Catch::ContainsSubstring;
using testing::GgufBytes;

std::filesystem::path data() { return std::filesystem::path(CHITU_TEST_DATA) / "io" / "gguf"; }

TEST_CASE("every type of GGUF gives the values of the package gguf, bit for bit", "[io][parity]") {
  const GgufFile file(data() / "types.gguf");
  const SafetensorsFile expected(data() / "values.safetensors");
  REQUIRE(file.tensors().size() == expected.tensors().size());
  CHECK(file.metadata().at("general.architecture") == "wan");
  for (const TensorInfo& tensor : expected.tensors()) {
    CAPTURE(tensor.name);
    CHECK(file.info(tensor.name).shape == tensor.shape);
    at::Tensor values = at::empty(tensor.shape);
    file.read_into(tensor.name, values);
    CHECK(at::equal(values, expected.tensor(tensor.name)));
    CHECK(at::equal(file.tensor(tensor.name).to(at::kFloat), values));
  }
}

TEST_CASE("rows of blocks are read alone, and decode as they do together", "[io]") {
  const Checkpoint checkpoint = Checkpoint::open(data() / "types.gguf");
  for (const char* name : {"Q8_0", "Q4_K", "Q6_K", "Q5_0", "BF16"}) {
    CAPTURE(name);
    const TensorInfo& info = checkpoint.info(name);
    at::Tensor all = at::empty(info.shape), last = at::empty({2, info.shape[1]});
    checkpoint.read_into(name, all);
    checkpoint.read_rows(name, 1, last);
    CHECK(at::equal(all.narrow(0, 1, 2), last));
    if (!info.encoding) continue;
    const std::int64_t row_bytes = info.encoding->row_bytes(info.shape[1]);
    CHECK(row_bytes * 3 == info.size_bytes);
    at::Tensor bytes = at::empty({2, row_bytes}, at::kByte), decoded = at::empty_like(last);
    checkpoint.read_encoded_rows(name, 1, bytes);
    CHECK(at::equal(bytes, checkpoint.encoded(name).narrow(0, 1, 2)));
    info.encoding->decode(bytes, decoded);
    CHECK(at::equal(decoded, last));
  }
}

struct Damaged {
  explicit Damaged(const std::string& bytes) { write_file(path, bytes); }
  testing::TemporaryFolder folder;
  std::filesystem::path path = folder / "x.gguf";
};

void fails(const GgufBytes& file, const std::string& problem) {
  const Damaged damaged(file.bytes());
  CHECK_THROWS_AS(GgufFile(damaged.path), InputError);
  CHECK_THROWS_WITH(GgufFile(damaged.path), ContainsSubstring(damaged.path.string() + ": ") &&
                                                ContainsSubstring(problem) &&
                                                !ContainsSubstring("\n"));
}

TEST_CASE("a GGUF header that is not right is refused in one line", "[io]") {
  const std::uint32_t q8_0 = 8, f32 = 0;
  fails(GgufBytes().data("PK\3\4"), "not a GGUF file");
  fails(GgufBytes().header(0, 0, 1), "GGUF version 1, expected 2 or 3");
  fails(GgufBytes().header(0, 0, 3U << 24), "big-endian");
  fails(GgufBytes().header(1ULL << 60, 0), "truncated: its header goes on");
  fails(GgufBytes().header(0, 1ULL << 60), "truncated: its header goes on");
  fails(GgufBytes().header(0, 1).text("k").number<std::uint32_t>(77), "unknown type 77");
  fails(GgufBytes().header(0, 1).text("k").number<std::uint32_t>(9).number<std::uint32_t>(5).number(
            ~0ULL),
        "truncated: its header goes on");
  fails(GgufBytes().header(0, 1).text("k").number<std::uint32_t>(8).number(~0ULL), "truncated");
  fails(GgufBytes().header(0, 1).text("general.alignment").number<std::uint32_t>(4).number(48U),
        "general.alignment: expected a power of two");
  fails(GgufBytes()
            .header(0, 1)
            .text("split.count")
            .number<std::uint32_t>(2)
            .number<std::uint16_t>(3),
        "one of 3 parts of a GGUF file");
  fails(GgufBytes().header(1, 0).tensor("w", {4}, 10, 0).pad(),
        "tensor \"w\": type Q2_K is not supported, expected one of Q4_0, ");
  fails(GgufBytes().header(1, 0).tensor("w", {4}, 12345, 0).pad(), "type 12345 is not supported");
  fails(GgufBytes().header(1, 0).tensor("w", {2, 33}, q8_0, 0).pad(),
        "rows of 33 values, but blocks of Q8_0 have 32");
  fails(GgufBytes().header(1, 0).tensor("w", {1LL << 40, 1LL << 40}, f32, 0).pad(),
        "its size overflows");
  fails(GgufBytes().header(1, 0).tensor("w", {1, 1, 1, 1, 1, 1, 1, 1, 1}, f32, 0).pad(),
        "9 dimensions");
  fails(GgufBytes().header(1, 0).tensor("w", {2}, f32, ~0ULL).pad(), "beyond what a file can hold");
  fails(GgufBytes().header(1, 0).tensor("w", {2}, f32, 4).pad(), "not a multiple of 32");
  fails(GgufBytes().header(1, 0).tensor("w", {64}, f32, 0).pad().data("abcd"),
        "truncated: tensor \"w\" ends at byte ");
  fails(GgufBytes().header(2, 0).tensor("w", {2}, f32, 0).tensor("w", {2}, f32, 32).pad(),
        "tensor \"w\": listed twice");
  fails(GgufBytes()
            .header(2, 0)
            .tensor("a", {9}, f32, 0)
            .tensor("b", {9}, f32, 32)
            .pad()
            .data(std::string(100, 'x')),
        "overlap");
  fails(GgufBytes().header(1, 0).tensor("a", {8}, f32, 64).pad().data(std::string(96, 'x')),
        "64 bytes before it belong to no tensor");
  fails(GgufBytes().header(1, 0).tensor("a", {8}, f32, 0).pad().data(std::string(96, 'x')),
        "the last 64 bytes belong to no tensor");
}

TEST_CASE("every prefix of a GGUF file is refused as truncated", "[io]") {
  const std::string whole = read_file(data() / "types.gguf");
  const testing::TemporaryFolder folder;
  for (std::size_t size = 0; size + 32 < whole.size(); size += size < 1200 ? 1 : 97) {
    write_file(folder / "x.gguf", whole.substr(0, size));
    CHECK_THROWS_AS(GgufFile(folder / "x.gguf"), InputError);
  }
}

}  // namespace
}  // namespace chitu::io
