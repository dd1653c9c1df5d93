#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <cmath>

#include "chitu_core/io/json.h"
#include "chitu_core/io/safetensors.h"
#include "pipelines/engine.h"
#include "tests/pipelines/tiny_models.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::pipelines {
namespace {

double relative_error(const at::Tensor& expected, const at::Tensor& got) {
  const at::Tensor a = expected.to(at::kDouble), b = got.to(at::kDouble);
  return (a - b).norm().item<double>() / a.norm().item<double>();
}

double psnr_of_bytes(const at::Tensor& a, const at::Tensor& b) {
  const double error = (a.to(at::kDouble) - b.to(at::kDouble)).square().mean().item<double>();
  return error == 0 ? INFINITY : 10 * std::log10(255 * 255 / error);
}

TEST_CASE("the whole pipeline gives the results of diffusers, step by step", "[parity]") {
  const c10::InferenceMode inference;
  const std::string name = GENERATE("guided", "one_frame_unguided", "long_prompt", "two_experts",
                                    "first_and_last", "first_frame");
  CAPTURE(name);
  const auto info = io::read_json(fixtures() / (name + ".json"));
  const io::SafetensorsFile expected(fixtures() / (name + ".safetensors"));
  const testing::TemporaryFolder folder;

  Engine engine = open_engine(info.at("model"));
  Engine::RunOptions options;
  options.dump_tensors = folder / "got.safetensors";
  engine.generate(engine.complete(request_of(info.at("request"))), {}, options);

  const io::SafetensorsFile got(options.dump_tensors);
  int steps = 0;
  for (const io::TensorInfo& tensor : expected.tensors()) {
    CAPTURE(tensor.name);
    at::Tensor mine = got.tensor(tensor.name);
    if (tensor.name == "frames") {
      CHECK(psnr_of_bytes(expected.tensor(tensor.name), mine) > 60);
      continue;
    }
    if (tensor.name == "prompt_embeds") mine = mine.narrow(1, 0, tensor.shape[1]);
    steps += tensor.name.rfind("step_", 0) == 0;
    CHECK(relative_error(expected.tensor(tensor.name), mine) < 2e-5);
  }
  CHECK(steps == info.at("request").at("num_inference_steps").get<int>());
}

}  // namespace
}  // namespace chitu::pipelines
