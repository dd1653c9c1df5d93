#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "chitu_core/common/registry.h"
#include "chitu_core/nn/attention.h"
#include "tests/pipelines/tiny_models.h"
#include "tests/support/catch.h"

namespace chitu::pipelines {
namespace {

at::Tensor latents_of(const std::string& attn_type, const std::string& device, int level) {
  EngineOptions options;
  options.ckpt_dir = fixtures() / "wan-unipc";
  options.device = device;
  options.dtype = "float32";
  options.attn_type = attn_type;
  options.memory.low_mem_level = level;
  return dumped(options, small_request(), "final_latents");
}

TEST_CASE("quantised attention gives the same bits at every level, on the CPU and on a device",
          "[pipelines]") {
  const at::Tensor quantised = latents_of("sage", "cpu", 0), exact = latents_of("auto", "cpu", 0);
  CHECK_FALSE(at::equal(quantised, exact));
  CHECK((quantised - exact).norm().item<float>() < 0.05F * exact.norm().item<float>());
  for (const std::string device : {"cpu", "sim"})
    for (const int level : {0, 1, 2, 3}) {
      INFO(device << ", level " << level);
      CHECK(at::equal(latents_of("sage", device, level), quantised));
    }
}

/// Cosines of what sage and the exact backend make of each self-attention.
std::vector<double>& cosines() {
  static std::vector<double> all;
  return all;
}

double cosine(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.to(at::kDouble).flatten(), y = b.to(at::kDouble).flatten();
  return (at::dot(x, y) / (x.norm() * y.norm())).item<double>();
}

/// Computes exactly, and looks at sage beside it.
class SageBesideExact final : public nn::AttentionBackend {
 public:
  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const nn::AttentionOptions& options) const override {
    at::Tensor exact = nn::Attention("cpu_flash")(q, k, v, options);
    if (options.kind == nn::AttentionKind::self)
      cosines().push_back(cosine(nn::Attention("sage")(q, k, v, options), exact));
    return exact;
  }
  bool exact() const override { return false; }
  int rank() const override { return 0; }
  bool runs_on(c10::DeviceType type) const override { return type == c10::kCPU; }
};
CHITU_REGISTER(nn::AttentionBackend, SageBesideExact, "test_sage_beside_exact");

TEST_CASE("sage on the demo model: a cosine of 0.998 in the worst layer, 0.9995 on average",
          "[pipelines]") {
  const c10::InferenceMode inference;
  cosines().clear();
  EngineOptions options = options_for(std::filesystem::path(CHITU_SOURCE_DIR) / "assets/demo-t2v");
  options.attn_type = "test_sage_beside_exact";
  Engine engine(options);
  PartialRequest request;
  request.prompt = "a red circle moving right on a white background";
  engine.make_frames(engine.complete(request), {});
  constexpr std::size_t kSteps = 20, kLayers = 5;
  REQUIRE(cosines().size() >= kSteps * kLayers);
  const double sum = std::accumulate(cosines().begin(), cosines().end(), 0.0);
  CHECK(std::ranges::min(cosines()) >= 0.998);
  CHECK(sum / static_cast<double>(cosines().size()) >= 0.9995);
}

}  // namespace
}  // namespace chitu::pipelines
