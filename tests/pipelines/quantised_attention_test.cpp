#include <ATen/ATen.h>

#include <string>

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

}  // namespace
}  // namespace chitu::pipelines
