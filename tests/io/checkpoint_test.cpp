#include "chitu_core/io/checkpoint.h"

#include <ATen/ATen.h>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/io/safetensors.h"
#include "tests/io/scratch_folder.h"
#include "tests/support/catch.h"

namespace chitu::io {
namespace {

const char* const kFirst = "diffusion_pytorch_model-00001-of-00002.safetensors";
const char* const kSecond = "diffusion_pytorch_model-00002-of-00002.safetensors";
const char* const kIndex = "diffusion_pytorch_model.safetensors.index.json";

/// Two shards, b in the first and a, c in the second, and their index.
void write_shards(const ScratchFolder& folder) {
  write_safetensors(folder / kFirst, {{"b", at::full({2}, 2.0f)}});
  write_safetensors(folder / kSecond,
                    {{"c", at::full({3}, 3.0, at::kBFloat16)}, {"a", at::full({1}, 1.0f)}});
  const std::string first(kFirst), second(kSecond);
  write_file(folder / kIndex, R"({"metadata":{"total_size":18},"weight_map":{"a":")" + second +
                                  R"(","b":")" + first + R"(","c":")" + second + "\"}}");
}

TEST_CASE("a single file and its variant are found by name", "[io]") {
  const ScratchFolder folder("single");
  write_safetensors(folder / "model.safetensors", {{"w", at::full({1}, 1.0f)}});
  write_safetensors(folder / "model.fp16.safetensors", {{"w", at::full({1}, 2.0, at::kHalf)}});
  const Checkpoint plain(folder.path());
  const Checkpoint half(folder.path(), "fp16");
  CHECK(plain.tensor("w").item<float>() == 1.0f);
  CHECK(plain.total_bytes() == 4);
  CHECK(half.info("w").dtype == at::kHalf);
  CHECK(half.info("w").file == folder / "model.fp16.safetensors");
  CHECK_THROWS_WITH(Checkpoint(folder.path(), "bf16"),
                    Catch::ContainsSubstring("no weights here, looked for ") &&
                        Catch::ContainsSubstring("model.bf16.safetensors") &&
                        Catch::ContainsSubstring("model.safetensors.index.bf16.json"));
}

float value_of(const std::filesystem::path& folder) {
  return Checkpoint(folder).tensor("w").item<float>();
}

TEST_CASE("plain weights are preferred, and a variant is used if it is all there is", "[io]") {
  const ScratchFolder folder("variant");
  const auto write = [&](const std::string& name, float value) {
    write_safetensors(folder / name, {{"w", at::full({1}, value)}});
  };
  const std::string stem = GENERATE("model", "diffusion_pytorch_model");
  SECTION("a single file") { write(stem + ".fp16.safetensors", 1); }
  SECTION("of several precisions the widest") {
    write(stem + ".fp16.safetensors", 2);
    write(stem + ".bf16.safetensors", 1);
  }
  SECTION("shards and their index") {
    write(stem + ".bf16-00001-of-00001.safetensors", 1);
    write_file(folder / (stem + ".safetensors.index.bf16.json"),
               R"({"weight_map":{"w":")" + stem + R"(.bf16-00001-of-00001.safetensors"}})");
  }
  SECTION("shards and their index under their older names") {
    write(stem + "-00001-of-00001.fp16.safetensors", 1);
    write_file(folder / (stem + ".safetensors.fp16.index.json"),
               R"({"weight_map":{"w":")" + stem + R"(-00001-of-00001.fp16.safetensors"}})");
  }
  SECTION("a name that nobody has heard of") { write(stem + ".ema.safetensors", 1); }
  CHECK(value_of(folder.path()) == 1);
  write(stem + ".safetensors", 3);
  CHECK(value_of(folder.path()) == 3);
}

TEST_CASE("the error about a folder without usable weights lists what it has instead", "[io]") {
  const ScratchFolder folder("instead");
  const auto refused = [&](const std::string& message) {
    CHECK_THROWS_AS(Checkpoint(folder.path()), InputError);
    CHECK_THROWS_WITH(Checkpoint(folder.path()),
                      Catch::ContainsSubstring(message) && !Catch::ContainsSubstring("\n"));
  };
  const auto link = [&](const std::string& name) {
    std::filesystem::create_symlink("../../blobs/ab12", folder / name);
  };
  const std::string dangling =
      ": a link to ../../blobs/ab12, which is missing: is the download complete?";
  SECTION("a link without its target") {
    link("model.safetensors");
    refused((folder / "model.safetensors").string() + dangling);
  }
  SECTION("a link of a variant without its target") {
    link("model.fp16.safetensors");
    refused((folder / "model.fp16.safetensors").string() + dangling);
  }
  SECTION("a shard that is a link without its target") {
    link(kFirst);
    write_file(folder / kIndex, R"({"weight_map":{"a":")" + std::string(kFirst) + "\"}}");
    refused((folder / kFirst).string() + dangling);
  }
  SECTION("several variants that are not the same weights") {
    for (const char* name : {"model.ema.safetensors", "model.fp16.safetensors"})
      write_safetensors(folder / name, {{"w", at::zeros({1})}});
    refused(folder.path().string() +
            ": no plain weights, and more than one variant of them: ema, fp16");
  }
  SECTION("pickled weights") {
    write_file(folder / "pytorch_model-00001-of-00002.bin", "x");
    write_file(folder / "pytorch_model.bin.index.json", "{}");
    refused(folder.path().string() +
            ": has pytorch_model-00001-of-00002.bin, but no safetensors: pickled weights are not "
            "read");
  }
  SECTION("shards without their index") {
    write_safetensors(folder / kFirst, {{"b", at::zeros({1})}});
    refused(std::string("has ") + kFirst + " without the index of the shards, looked for " +
            kIndex);
  }
  SECTION("a file of another name") {
    write_safetensors(folder / "wan.safetensors", {{"b", at::zeros({1})}});
    refused("; found wan.safetensors");
  }
}

TEST_CASE("shards are read as one checkpoint", "[io]") {
  const ScratchFolder folder("shards");
  write_shards(folder);
  const Checkpoint checkpoint(folder.path());
  CHECK(checkpoint.names() == std::vector<std::string>{"b", "a", "c"});
  CHECK(checkpoint.total_bytes() == 18);
  CHECK(checkpoint.files().size() == 2);
  CHECK(checkpoint.tensor("a").item<float>() == 1.0f);
  CHECK(checkpoint.info("c").dtype == at::kBFloat16);
  CHECK(checkpoint.info("b").file == folder / kFirst);
  CHECK(checkpoint.contains("b"));
  checkpoint.drop_pages("b");
  CHECK(checkpoint.tensor("b").sum().item<float>() == 4.0f);
  at::Tensor last = at::empty({1}, at::kBFloat16);
  checkpoint.read_rows("c", 2, last);
  CHECK(last.item<float>() == 3.0f);
  CHECK_THROWS_WITH(checkpoint.info("d.weight"),
                    folder.path().string() + ": no tensor \"d.weight\"");
}

TEST_CASE("shards that contradict their index are refused", "[io]") {
  const ScratchFolder folder("disagree");
  write_shards(folder);
  const auto refused = [&](const std::string& message) {
    CHECK_THROWS_AS(Checkpoint(folder.path()), InputError);
    CHECK_THROWS_WITH(Checkpoint(folder.path()), Catch::ContainsSubstring(message));
  };
  SECTION("a shard is missing") {
    std::filesystem::remove(folder / kSecond);
    refused((folder / kSecond).string() + ": missing, though " + kIndex + " names it");
  }
  SECTION("a shard is truncated") {
    std::filesystem::resize_file(folder / kSecond,
                                 std::filesystem::file_size(folder / kSecond) - 3);
    refused((folder / kSecond).string() + ": truncated: expected ");
  }
  SECTION("a tensor is missing from its shard") {
    write_safetensors(folder / kSecond, {{"a", at::full({1}, 1.0f)}});
    refused((folder / kSecond).string() + ": tensor \"c\" is missing, though ");
  }
  SECTION("a shard holds a tensor that the index does not name") {
    write_safetensors(folder / kFirst, {{"b", at::zeros({2})}, {"extra", at::zeros({1})}});
    refused((folder / kFirst).string() + ": tensor \"extra\" is not listed in ");
  }
  SECTION("a tensor stands in two shards") {
    write_safetensors(folder / kFirst, {{"b", at::zeros({2})}, {"a", at::zeros({1})}});
    refused("tensor \"a\" is not listed in ");
  }
  SECTION("the index leads out of its folder") {
    write_file(folder / kIndex, R"({"weight_map":{"a":"../a.safetensors"}})");
    refused("weight_map.a: expected a file name, got \"../a.safetensors\"");
  }
  SECTION("the index names no tensors") {
    write_file(folder / kIndex, R"({"weight_map":{}})");
    refused("weight_map is empty");
  }
  SECTION("the index has no weight_map") {
    write_file(folder / kIndex, R"({"metadata":{}})");
    refused("weight_map: missing");
  }
  SECTION("the index is not JSON") {
    write_file(folder / kIndex, "{");
    refused(std::string(kIndex) + ":1:2: ");
  }
}

TEST_CASE("a missing or empty folder is named in the error", "[io]") {
  const ScratchFolder folder("none");
  CHECK_THROWS_WITH(Checkpoint(folder / "gone"), (folder / "gone").string() + ": no such folder");
  CHECK_THROWS_WITH(Checkpoint(folder.path()),
                    Catch::ContainsSubstring("looked for "
                                             "diffusion_pytorch_model.safetensors.index.json, "));
}

}  // namespace
}  // namespace chitu::io
