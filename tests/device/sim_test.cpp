#include "chitu_core/device/sim.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include "chitu_core/device/device.h"
#include "tests/support/catch.h"

namespace chitu::device {
namespace {

/// Every case starts with an empty device without limits.
struct Sim {
  explicit Sim(const SimOptions& options = {}) : device(configure_sim(options)) {
    REQUIRE(memory_use(device).allocated_bytes == 0);
    reset_peak(device);
  }
  ~Sim() {
    configure_sim({});
    inject_sim_faults({});
  }
  const c10::InferenceMode inference;
  c10::Device device;
};

TEST_CASE("tensors of the simulated device are counted to the byte", "[device]") {
  const Sim sim;
  {
    const at::Tensor a = at::ones({100}).to(sim.device);
    CHECK(memory_use(sim.device).allocated_bytes == 400);
    const at::Tensor view = a.view({10, 10}).narrow(0, 2, 3).transpose(0, 1);
    CHECK(memory_use(sim.device).allocated_bytes == 400);  // views allocate nothing
    const at::Tensor sum = a.add(1);
    CHECK(memory_use(sim.device).allocated_bytes == 800);
    at::Tensor b = a;
    b.add_(2);
    CHECK(memory_use(sim.device).allocated_bytes == 800);
    CHECK(view.sum().item<double>() == 90);
    CHECK(sum.to(at::kCPU).sum().item<double>() == 200);
  }
  CHECK(memory_use(sim.device).allocated_bytes == 0);
  CHECK(memory_use(sim.device).peak_bytes >= 800);
}

TEST_CASE("arithmetic on the simulated device gives the CPU's bits", "[device]") {
  const Sim sim;
  const auto dtype = GENERATE(at::kFloat, at::kBFloat16);
  const at::Tensor x = at::randn({2, 48, 64}).to(dtype), w = at::randn({96, 64}).to(dtype),
                   b = at::randn({96}).to(dtype);
  const at::Tensor image = at::randn({1, 8, 3, 12, 12}), kernel = at::randn({16, 8, 3, 3, 3});
  const auto on = [&](c10::Device device) {
    const auto to = [&](const at::Tensor& t) { return t.to(device); };
    const at::Tensor q = to(x).view({2, 48, 4, 16}).transpose(1, 2);
    std::vector<at::Tensor> results{
        at::linear(to(x), to(w), to(b)),
        at::layer_norm(to(x).to(at::kFloat), {64}),
        at::gelu(to(x), "tanh"),
        at::softmax(to(x), -1),
        at::scaled_dot_product_attention(q, q, q),
        at::cat({to(x), to(x)}, 1),
        at::embedding(to(w), at::arange(5, at::TensorOptions().dtype(at::kLong).device(device))),
        at::mkldnn_convolution(to(image), to(kernel), std::nullopt, {1, 1, 1}, {1, 1, 1}, {1, 1, 1},
                               1),
        at::convolution(to(image), to(kernel), std::nullopt, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, false,
                        {0, 0, 0}, 1),
        at::constant_pad_nd(to(x), {0, 0, 0, 3}),
        at::where(to(x).gt(0), to(x), at::zeros_like(to(x))),
        at::view_as_real(at::view_as_complex(to(x).to(at::kFloat).view({2, 48, 32, 2}))
                             .mul(at::view_as_complex(to(x).to(at::kFloat).view({2, 48, 32, 2})))),
        at::upsample_nearest2d(to(image).squeeze(0), {24, 24}),
        to(x).to(at::kFloat8_e4m3fn).to(at::kFloat),
        to(x).to(at::kFloat).pow(2).mean(-1, true).rsqrt_(),
        at::matmul(to(x), to(x).transpose(1, 2)),
    };
    for (at::Tensor& result : results) {
      CHECK(result.device().type() == device.type());
      result = result.to(at::kCPU);
    }
    return results;
  };
  const auto expected = on(c10::kCPU), got = on(sim.device);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CAPTURE(i);
    CHECK(at::equal(expected[i], got[i]));
    CHECK(expected[i].strides() == got[i].strides());
  }
}

TEST_CASE("an allocation over the capacity fails, and the device stays usable", "[device]") {
  const Sim sim({.capacity_bytes = 1000});
  const at::Tensor a = at::zeros({200}).to(sim.device);
  CHECK_THROWS_WITH(at::zeros({51}).to(sim.device),
                    Catch::ContainsSubstring("asked 204 bytes, used 800, free 200 of 1000"));
  CHECK_THROWS_AS(a.add(1), c10::OutOfMemoryError);
  CHECK(memory_use(sim.device).allocated_bytes == 800);
  CHECK(at::zeros({50}).to(sim.device).numel() == 50);
}

TEST_CASE("operations do not mix tensors of host and device, but accept host scalars", "[device]") {
  const Sim sim;
  const at::Tensor a = at::ones({4}).to(sim.device);
  CHECK_THROWS_WITH(at::add(a, at::ones({4})), Catch::ContainsSubstring("same device"));
  CHECK_THROWS_WITH(at::cat({a, at::ones({4})}), Catch::ContainsSubstring("same device"));
  CHECK(at::mul(a, at::scalar_tensor(3.0)).sum().item<double>() == 12);
}

TEST_CASE("copies between host and device are counted, and injected faults occur as requested",
          "[device]") {
  const Sim sim;
  const SimTraffic before = sim_traffic();
  const at::Tensor a = at::ones({100}).to(sim.device);
  (void)a.to(at::kCPU);
  const SimTraffic after = sim_traffic();
  CHECK(after.h2d_bytes - before.h2d_bytes == 400);
  CHECK(after.d2h_bytes - before.d2h_bytes == 400);
  CHECK(after.h2d_copies - before.h2d_copies == 1);
  CHECK(after.allocations - before.allocations == 1);

  inject_sim_faults({.allocation = 2});
  const at::Tensor first = a.add(1);
  CHECK_THROWS_AS(a.add(1), c10::OutOfMemoryError);
  CHECK(a.add(1).defined());
  inject_sim_faults({.copy = 1});
  CHECK_THROWS_WITH(a.to(at::kCPU), Catch::ContainsSubstring("a copy of 400 bytes failed"));
  CHECK(a.to(at::kCPU).sum().item<double>() == 100);
}

TEST_CASE("the simulated device is selected only by name", "[device]") {
  const Sim sim;
  CHECK(resolve("sim") == sim.device);
  CHECK(resolve("auto").type() != sim.device.type());
}

}  // namespace
}  // namespace chitu::device
