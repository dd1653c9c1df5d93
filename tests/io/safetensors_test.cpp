#include "chitu_core/io/safetensors.h"

#include <ATen/ATen.h>

#include <cstring>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "tests/io/full_disk.h"
#include "tests/io/scratch_folder.h"
#include "tests/support/catch.h"

namespace chitu::io {
namespace {

std::string file_of(const std::string& header, std::size_t data_bytes) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(header.size() >> (8 * i) & 0xff);
  return bytes + header + std::string(data_bytes, '\1');
}

std::vector<std::pair<std::string, at::Tensor>> one_of_each_dtype() {
  const auto numbers = at::arange(-3, 3).reshape({2, 3});
  return {{"bool", numbers > 0},
          {"u8", at::arange(5, at::kByte)},
          {"i8", numbers.to(at::kChar)},
          {"f8_e4m3", numbers.to(at::kFloat8_e4m3fn)},
          {"f8_e5m2", numbers.to(at::kFloat8_e5m2)},
          {"i16", numbers.to(at::kShort)},
          {"f16", numbers.to(at::kHalf)},
          {"bf16", numbers.to(at::kBFloat16)},
          {"i32", numbers.to(at::kInt)},
          {"f32", numbers.to(at::kFloat) / 7},
          {"i64", numbers},
          {"f64", numbers.to(at::kDouble) / 7},
          {"scalar", at::scalar_tensor(2.5, at::kFloat)},
          {"empty", at::empty({0, 4}, at::kFloat)}};
}

TEST_CASE("every dtype survives writing and reading bit for bit", "[io]") {
  const ScratchFolder folder("dtypes");
  const auto tensors = one_of_each_dtype();
  write_safetensors(folder / "x.safetensors", tensors, {{"format", "pt"}, {"\"quoted\"", "é"}});
  CHECK(folder.files() == 1);
  const SafetensorsFile file(folder / "x.safetensors");
  CHECK(file.metadata() ==
        std::map<std::string, std::string>{{"format", "pt"}, {"\"quoted\"", "é"}});
  REQUIRE(file.tensors().size() == tensors.size());
  for (const auto& [name, expected] : tensors) {
    INFO(name);
    const at::Tensor got = file.tensor(name);
    CHECK(got.scalar_type() == expected.scalar_type());
    REQUIRE(got.sizes() == expected.sizes());
    const std::size_t bytes = expected.nbytes();
    CHECK((bytes == 0 ||
           std::memcmp(got.const_data_ptr(), expected.contiguous().const_data_ptr(), bytes) == 0));
    CHECK(file.info(name).numel() == expected.numel());
    CHECK(file.info(name).size_bytes == static_cast<std::int64_t>(expected.nbytes()));
    CHECK(file.info(name).offset_bytes % expected.element_size() == 0);
  }
}

TEST_CASE("rows of a tensor have the same bits as in the whole tensor", "[io]") {
  const ScratchFolder folder("rows");
  const auto path = folder / "x.safetensors";
  const at::Tensor weight = at::randn({4, 600000});  // a cast of two rows takes two reads
  write_safetensors(path, {{"before", at::ones({3})}, {"w", weight}, {"scalar", at::ones({})}});
  const SafetensorsFile file(path);
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    at::Tensor rows = at::empty({2, 600000}, dtype);
    file.read_rows("w", 1, rows);
    CHECK(at::equal(rows, weight.narrow(0, 1, 2).to(dtype)));
    at::Tensor all = at::empty({4, 600000}, dtype);
    file.read_rows("w", 0, all);
    CHECK(at::equal(all, weight.to(dtype)));
  }
  at::Tensor rows = at::empty({2, 600000}), narrow = at::empty({2, 6}), scalar = at::empty({});
  const auto refusal = Catch::ContainsSubstring("rows read into a tensor of another shape");
  CHECK_THROWS_WITH(file.read_rows("w", 3, rows), refusal);
  CHECK_THROWS_WITH(file.read_rows("w", -1, rows), refusal);
  CHECK_THROWS_WITH(file.read_rows("w", 0, narrow), refusal);
  CHECK_THROWS_WITH(file.read_rows("scalar", 0, scalar), refusal);
}

TEST_CASE("a tensor is a view of the file and outlives the object that opened it", "[io]") {
  const ScratchFolder folder("view");
  write_safetensors(folder / "x.safetensors", {{"w", at::arange(100000, at::kFloat)}});
  at::Tensor first, second;
  {
    const SafetensorsFile file(folder / "x.safetensors");
    first = file.tensor("w");
    second = file.tensor("w");
    file.drop_pages("w");
  }
  CHECK(first.const_data_ptr() == second.const_data_ptr());
  CHECK(first.sum().item<double>() == at::arange(100000, at::kFloat).sum().item<double>());
}

TEST_CASE("data that is misaligned for its dtype is copied", "[io]") {
  const ScratchFolder folder("misaligned");
  const std::string header = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                             R"("b":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}})";
  std::string bytes = file_of(header, 9);
  const float values[] = {1.5f, -2.0f};
  std::memcpy(bytes.data() + bytes.size() - 8, values, 8);
  write_file(folder / "x.safetensors", bytes);
  const at::Tensor got = SafetensorsFile(folder / "x.safetensors").tensor("b");
  CHECK(reinterpret_cast<std::uintptr_t>(got.const_data_ptr()) % 4 == 0);
  CHECK(at::equal(got, at::tensor({1.5f, -2.0f})));
}

TEST_CASE("a strided tensor is written in the order of its values", "[io]") {
  const ScratchFolder folder("strided");
  const at::Tensor table = at::arange(6, at::kFloat).reshape({2, 3});
  write_safetensors(folder / "x.safetensors", {{"t", table.t()}});
  CHECK(at::equal(SafetensorsFile(folder / "x.safetensors").tensor("t"), table.t()));
}

TEST_CASE("the error about an unknown name has the nearest one", "[io]") {
  const ScratchFolder folder("name");
  write_safetensors(folder / "x.safetensors", {{"blocks.0.weight", at::zeros({1})}});
  const SafetensorsFile file(folder / "x.safetensors");
  CHECK(file.contains("blocks.0.weight"));
  CHECK_FALSE(file.contains("blocks.0.weigth"));
  CHECK_THROWS_WITH(file.tensor("blocks.0.weigth"),
                    Catch::ContainsSubstring("no tensor \"blocks.0.weigth\", did you mean "
                                             "blocks.0.weight?"));
}

TEST_CASE("writing refuses tensors that the format cannot hold", "[io]") {
  const ScratchFolder folder("refuse");
  const auto path = folder / "x.safetensors";
  CHECK_THROWS_WITH(write_safetensors(path, {{"a", at::zeros({1})}, {"a", at::zeros({1})}}),
                    path.string() + ": two tensors are named \"a\"");
  CHECK_THROWS_WITH(write_safetensors(path, {{"a", at::zeros({1}, at::kComplexFloat)}}),
                    Catch::ContainsSubstring("tensor \"a\": safetensors has no dtype Complex"));
  CHECK(folder.files() == 0);
}

TEST_CASE("a full disk stops the writing and leaves nothing behind", "[io]") {
  const ScratchFolder folder("full");
  const auto path = folder / "x.safetensors";
  {
    const FullDisk full(1 << 16);
    CHECK_THROWS_WITH(write_safetensors(path, {{"a", at::zeros({1 << 16})}}),
                      path.string() + ": cannot write: File too large");
  }
  CHECK(folder.files() == 0);
  CHECK_THROWS_WITH(write_safetensors(folder / "none/x.safetensors", {{"a", at::zeros({1})}}),
                    Catch::ContainsSubstring("cannot write: No such file or directory"));
}

struct Hostile {
  std::string what;
  std::string bytes;
  std::string message;  ///< must be part of the error
};

std::string one(const std::string& entry) { return "{\"w\":" + entry + "}"; }

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

std::string number(std::uint64_t value) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xff);
  return bytes;
}

std::vector<Hostile> hostile_headers() {
  const std::string good = R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  return {
      {"empty file", "", "truncated: expected at least 8 bytes, found 0"},
      {"no whole length", "\1\2\3", "truncated: expected at least 8 bytes, found 3"},
      {"header beyond the end", number(100) + "{}",
       "truncated: the header needs 108 bytes, found 10"},
      {"header of gigabytes", number(1ull << 40) + "{}", "would be 1099511627776 bytes long"},
      {"length that overflows", number(~0ull) + "{}", "would be 18446744073709551615 bytes long"},
      {"Git LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
       "git lfs pull"},
      {"not JSON", file_of("{\"w\":", 0), "header:1:6: "},
      {"not an object", file_of("[1,2,3]", 0), "does not begin with {"},
      {"empty header", number(0), "does not begin with {"},
      {"bad UTF-8", file_of("{\"\xff\xfe\":1}", 0), "UTF-8"},
      {"nested without end", file_of("{\"w\":" + std::string(50000, '['), 0),
       "header: nested more than 200 deep"},
      {"same name twice", file_of("{\"w\":" + good + ",\"w\":" + good + "}", 8),
       "the key \"w\" appears twice"},
      {"entry is no object", file_of(one("7"), 0), "tensor \"w\": expected an object"},
      {"surplus key", file_of(one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1})"), 8),
       "tensor \"w\": unknown key \"x\""},
      {"metadata is no object", file_of(R"({"__metadata__":[]})", 0), "__metadata__: expected"},
      {"metadata value is no string", file_of(R"({"__metadata__":{"a":1}})", 0),
       "__metadata__: \"a\": expected a string"},
      {"length is no number",
       file_of(one(R"({"dtype":"F32","shape":["2"],"data_offsets":[0,8]})"), 8),
       "tensor \"w\": shape: expected integers of 0 or more"},
  };
}

std::vector<Hostile> hostile_tensors() {
  const auto entry = [](const std::string& dtype, const std::string& shape,
                        const std::string& offsets, std::size_t data) {
    return file_of(
        one("{\"dtype\":" + dtype + ",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}"),
        data);
  };
  const auto two = [](const std::string& a, const std::string& b, std::size_t data) {
    return file_of(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + a +
                       R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + b + "}}",
                   data);
  };
  const std::string w = "tensor \"w\": ";
  return {
      {"unknown dtype", entry("\"F31\"", "[2]", "[0,8]", 8),
       w + "unknown dtype \"F31\", expected one of F64"},
      {"dtype is no string", entry("3", "[2]", "[0,8]", 8), w + "dtype: expected a string"},
      {"negative side", entry("\"F32\"", "[-2]", "[0,8]", 8), w + "shape: expected integers"},
      {"fractional side", entry("\"F32\"", "[2.5]", "[0,8]", 8), w + "shape: expected integers"},
      {"huge side", entry("\"F32\"", "[18446744073709551615]", "[0,8]", 8), w + "shape: expected"},
      {"sides whose product overflows",
       entry("\"F32\"", "[4294967296,4294967296,4294967296]", "[0,8]", 8),
       w + "shape: its size overflows"},
      {"product that wraps to a small size",
       entry("\"F32\"", "[2305843009213693952,8]", "[0,0]", 0), w + "shape: its size overflows"},
      {"empty tensor whose strides overflow",
       entry("\"F32\"", "[0,4611686018427387,4611686018427387]", "[0,0]", 0),
       w + "shape: its size overflows"},
      {"countless dimensions", entry("\"U8\"", "[1" + repeated(",1", 64) + "]", "[0,1]", 1),
       w + "shape: 65 dimensions, the most is 64"},
      {"shape missing", file_of(one(R"({"dtype":"F32","data_offsets":[0,8]})"), 8),
       w + "shape: expected a list"},
      {"offsets missing", file_of(one(R"({"dtype":"F32","shape":[2]})"), 8),
       w + "data_offsets: expected two integers"},
      {"three offsets", entry("\"F32\"", "[2]", "[0,8,9]", 8), w + "data_offsets: expected two"},
      {"negative offset", entry("\"F32\"", "[2]", "[-8,0]", 8), w + "data_offsets: expected two"},
      {"offsets swapped", entry("\"F32\"", "[2]", "[8,0]", 8), w + "data_offsets: 8 is after 0"},
      {"offset beyond any file",
       entry("\"F32\"", "[2]", "[18446744073709551607,18446744073709551615]", 8),
       w + "data_offsets: beyond"},
      {"size disagrees", entry("\"F32\"", "[3]", "[0,8]", 8),
       w + "dtype and shape need 12 bytes, data_offsets hold 8"},
      {"data cut short", entry("\"F32\"", "[2]", "[0,8]", 5),
       "found 67; tensor \"w\" is cut short"},
      {"data to spare", entry("\"F32\"", "[2]", "[0,8]", 11), "the last 3 belong to no tensor"},
      {"overlap", two("[0,4]", "[2,6]", 6),
       "tensor \"b\": its bytes overlap those of tensor \"a\""},
      {"same bytes twice", two("[0,4]", "[0,4]", 4), "its bytes overlap"},
      {"hole", two("[0,4]", "[6,10]", 10), "tensor \"b\": 2 bytes between it and tensor \"a\""},
      {"hole at the front", two("[1,5]", "[5,9]", 9),
       "tensor \"a\": 1 bytes between it and the header"},
  };
}

TEST_CASE("a hostile or damaged file is refused with its name and problem", "[io]") {
  const ScratchFolder folder("hostile");
  const auto path = folder / "x.safetensors";
  auto cases = hostile_headers();
  for (const Hostile& more : hostile_tensors()) cases.push_back(more);
  for (const Hostile& hostile : cases) {
    INFO(hostile.what);
    write_file(path, hostile.bytes);
    CHECK_THROWS_AS(SafetensorsFile(path), InputError);
    CHECK_THROWS_WITH(SafetensorsFile(path), Catch::ContainsSubstring(path.string() + ": ") &&
                                                 Catch::ContainsSubstring(hostile.message));
  }
  CHECK_THROWS_WITH(SafetensorsFile(folder.path()),
                    folder.path().string() + ": not a regular file");
  CHECK_THROWS_WITH(SafetensorsFile(folder / "none"),
                    Catch::ContainsSubstring("none: No such file or directory"));
}

TEST_CASE("a file damaged anywhere is refused or read, without a crash", "[io]") {
  const ScratchFolder folder("fuzz");
  const auto path = folder / "x.safetensors";
  write_safetensors(path, one_of_each_dtype(), {{"format", "pt"}});
  const std::string good = read_file(path);
  std::uint32_t state = 1;
  const auto random = [&] { return state = state * 1664525u + 1013904223u, state >> 8; };
  for (int round = 0; round < 400; ++round) {
    std::string bytes = good;
    for (std::uint32_t i = 0; i <= random() % 4; ++i)
      bytes[random() % (round % 2 == 0 ? 64 : bytes.size())] ^= static_cast<char>(random());
    if (round % 5 == 0) bytes.resize(random() % bytes.size());
    write_file(path, bytes);
    try {
      const SafetensorsFile file(path);
      for (const TensorInfo& info : file.tensors()) file.tensor(info.name).clone();
    } catch (const InputError& error) {
      CHECK_THAT(error.what(), Catch::ContainsSubstring(path.string() + ":"));
    }
  }
}

}  // namespace
}  // namespace chitu::io
