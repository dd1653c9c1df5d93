#include <ATen/ATen.h>

#include <string>
#include <utility>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/io/checkpoint.h"
#include "chitu_core/io/safetensors.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::io {
namespace {

using Catch::ContainsSubstring;
using Tensors = std::vector<std::pair<std::string, at::Tensor>>;

at::Tensor float8(at::IntArrayRef shape) { return at::randn(shape).to(at::kFloat8_e4m3fn); }

at::Tensor text(const std::string& value) {
  at::Tensor bytes = at::empty({std::ssize(value)}, at::kByte);
  std::copy(value.begin(), value.end(), static_cast<char*>(bytes.data_ptr()));
  return bytes;
}

struct File {
  explicit File(const Tensors& tensors) { write_safetensors(path, tensors); }
  Checkpoint open() const { return Checkpoint::open(path); }
  testing::TemporaryFolder folder;
  std::filesystem::path path = folder / "x.safetensors";
};

TEST_CASE("float8 weights are multiplied by their scales, of the tensor or of each row", "[io]") {
  at::manual_seed(1);
  const at::Tensor weight = float8({6, 8}), one = at::full({}, 0.37), rows = at::rand({6, 1});
  for (const char* ending : {".scale_weight", ".weight_scale"})
    for (const at::Tensor& scale : {one, rows}) {
      const File file({{"m.weight", weight},
                       {std::string("m") + ending, scale},
                       {"m.scale_input", at::ones({})},
                       {"m.bias", at::randn({6})},
                       {"scaled_fp8", at::zeros({0}, at::kFloat8_e4m3fn)},
                       {"spiece_model", text("tokens")}});
      const Checkpoint checkpoint = file.open();
      CHECK(checkpoint.names() == std::vector<std::string>{"m.bias", "m.weight"});
      CHECK(checkpoint.info("m.weight").size_bytes == 48);
      const at::Tensor expected = weight.to(at::kFloat) * scale;
      at::Tensor values = at::empty({6, 8}), two = at::empty({2, 8}, at::kBFloat16);
      checkpoint.read_into("m.weight", values);
      CHECK(at::equal(values, expected));
      checkpoint.read_rows("m.weight", 3, two);
      CHECK(at::equal(two, expected.narrow(0, 3, 2).to(at::kBFloat16)));
      const auto encoding = checkpoint.info("m.weight").encoding;
      at::Tensor decoded = at::empty({6, 8});
      encoding->decode(checkpoint.encoded("m.weight"), decoded);
      CHECK(at::equal(decoded, expected));
    }
}

void fails(const Tensors& tensors, const std::string& problem) {
  const File file(tensors);
  CHECK_THROWS_AS(file.open(), InputError);
  CHECK_THROWS_WITH(file.open(), ContainsSubstring(file.path.string() + ": tensor ") &&
                                     ContainsSubstring(problem) && !ContainsSubstring("\n"));
}

TEST_CASE("a scale that is not used, or a format that is not known, is an error by name", "[io]") {
  const at::Tensor one = at::ones({}), weight = float8({4, 4});
  fails({{"m.scale_weight", one}}, "\"m.scale_weight\": a scale without its weight \"m.weight\"");
  fails({{"m.weight", at::ones({4, 4})}, {"m.scale_weight", one}}, "a scale of Float weights");
  fails({{"m.weight", weight}, {"m.scale_weight", one}, {"m.weight_scale", one}}, "a second scale");
  fails({{"m.weight", weight}, {"m.scale_weight", at::ones({4, 2})}}, "has 8 numbers, expected 1");
  fails({{"m.weight", weight}, {"m.scale_weight", at::full({}, INFINITY)}}, "not finite");
  fails({{"m.weight", weight}, {"m.scale_input", one}}, "whose layer has no scaled weight");
  fails({{"m.weight", weight}, {"scaled_fp8", at::zeros({2}, at::kFloat8_e4m3fn)}},
        "float8 without its scale, though the file has the marker scaled_fp8");
  fails({{"m.weight", at::ones({4, 4}, at::kChar)}, {"m.weight_scale", at::ones({4, 1})}},
        "int8_convrot, W8A8) weights are not supported");
  fails({{"m.weight", at::ones({4, 2}, at::kByte)}, {"m.weight_scale", one}},
        "packed 4-bit (nvfp4, W4A8)");
  fails({{"m.weight", weight}, {"m.weight_scale", at::ones({4, 1}, at::kByte)}}, "mxfp8");
  fails({{"m.weight", at::ones({4, 2}, at::kByte)}, {"m.weight_scale_2", one}}, "nvfp4");
  fails({{"m.qweight", at::ones({4, 2}, at::kByte)}}, "W4A8, W4A4 or W4A16");
  fails({{"m.wscales", one}}, "SVDQuant");
  const auto format = [&](const std::string& said) {
    return Tensors{{"m.weight", weight}, {"m.weight_scale", one}, {"m.comfy_quant", text(said)}};
  };
  fails(format(R"({"format": "mxfp8"})"), "mxfp8 weights are not supported, expected fp8_scaled");
  fails(format(R"({"format": "int8_tensorwise", "convrot": true})"),
        "int8_tensorwise with int8_convrot weights are not supported");
  fails(format("[]"), "expected an object with a format");
  CHECK_NOTHROW(File(format(R"({"format": "float8_e4m3fn"})")).open());
}

TEST_CASE("a format in the header's metadata is read too", "[io]") {
  const testing::TemporaryFolder folder;
  const auto path = folder / "x.safetensors";
  write_safetensors(path, {{"m.weight", float8({4, 4})}, {"m.weight_scale", at::ones({})}},
                    {{"_quantization_metadata", R"({"layers": {"m": {"format": "nvfp4"}}})"}});
  CHECK_THROWS_WITH(Checkpoint::open(path), ContainsSubstring("nvfp4 weights are not supported"));
}

}  // namespace
}  // namespace chitu::io
