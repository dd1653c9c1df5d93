#include "chitu_core/nn/flash_attention.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cmath>
#include <limits>

#include "tests/support/catch.h"

namespace chitu::nn {
namespace {

at::Tensor wave(at::IntArrayRef sizes, double frequency) {
  return at::sin(at::arange(c10::multiply_integers(sizes), at::kFloat) * frequency).view(sizes);
}

/// In float64, with the whole matrix of scores.
at::Tensor plain(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale) {
  const auto wide = [](const at::Tensor& x) { return x.to(at::kDouble); };
  return at::matmul(at::softmax(at::matmul(wide(q), wide(k).transpose(-1, -2)) * scale, -1),
                    wide(v));
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

TEST_CASE("flash attention computes softmax(q k^T * scale) v for every size", "[nn][cpu]") {
  for (const std::int64_t queries : {1, 47, 49, 200})
    for (const std::int64_t keys : {1, 5, 128, 131, 300})
      for (const std::int64_t width : {1, 6, 16, 64}) {
        INFO(queries << " queries, " << keys << " keys, head of " << width);
        const at::Tensor q = wave({2, 3, queries, width}, 0.7) * 3;
        const at::Tensor k = wave({2, 3, keys, width}, 1.3) * 3;
        const at::Tensor v = wave({2, 3, keys, width + 3}, 0.9);
        REQUIRE(flash_attention_fits(q, k, v));
        CHECK(largest_difference(flash_attention(q, k, v, 0.3), plain(q, k, v, 0.3)) < 2e-6);
      }
}

TEST_CASE("flash attention reads heads that are adjacent in memory and returns them so",
          "[nn][cpu]") {
  const auto heads = [](const at::Tensor& x) { return x.transpose(1, 2); };
  const at::Tensor q = heads(wave({1, 70, 4, 8}, 0.7)), k = heads(wave({1, 90, 4, 8}, 1.3));
  const at::Tensor out = flash_attention(q, k, k, 1.0);
  CHECK(out.transpose(1, 2).is_contiguous());
  CHECK(at::equal(out, flash_attention(q.contiguous(), k.contiguous(), k.contiguous(), 1.0)));
}

TEST_CASE("scores far from zero neither overflow nor vanish", "[nn][cpu]") {
  const at::Tensor q = wave({1, 1, 50, 16}, 0.7) * 100, k = wave({1, 1, 200, 16}, 1.3) * 100;
  const at::Tensor away = at::full_like(k, -40), v = wave({1, 1, 200, 16}, 0.9);
  CHECK(largest_difference(flash_attention(q, k, v, 0.1), plain(q, k, v, 0.1)) < 1e-3);
  const at::Tensor ones = at::full_like(q, 10);
  CHECK(largest_difference(flash_attention(ones, away, v, 1), plain(ones, away, v, 1)) < 2e-6);
}

TEST_CASE("flash attention in bfloat16 is that of float32, rounded once", "[nn][cpu]") {
  const at::Tensor q = wave({1, 2, 60, 16}, 0.7).to(at::kBFloat16);
  const at::Tensor k = wave({1, 2, 140, 16}, 1.3).to(at::kBFloat16);
  const at::Tensor wide =
      flash_attention(q.to(at::kFloat), k.to(at::kFloat), k.to(at::kFloat), 0.25);
  CHECK(at::equal(flash_attention(q, k, k, 0.25), wide.to(at::kBFloat16)));
}

TEST_CASE("a query's row has the same bits with other queries and threads", "[nn][cpu]") {
  const at::Tensor q = wave({1, 2, 500, 32}, 0.7), k = wave({1, 2, 300, 32}, 1.3);
  const at::Tensor all = flash_attention(q, k, k, 0.2);
  CHECK(at::equal(flash_attention(q.narrow(2, 77, 130), k, k, 0.2), all.narrow(2, 77, 130)));
  const int before = at::get_num_threads();
  for (const int threads : {1, 3, 8}) {
    at::set_num_threads(threads);
    CHECK(at::equal(flash_attention(q, k, k, 0.2), all));
  }
  at::set_num_threads(before);
}

TEST_CASE("a NaN stays in its row", "[nn][cpu]") {
  at::Tensor q = wave({1, 1, 60, 8}, 0.7);
  const at::Tensor k = wave({1, 1, 300, 8}, 1.3);
  q[0][0][7][3] = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor bad = flash_attention(q, k, k, 0.3).isnan().any(-1).flatten();
  CHECK(bad[7].item<bool>());
  CHECK(bad.sum().item<std::int64_t>() == 1);
}

TEST_CASE("unsupported inputs of flash attention are recognized", "[nn][cpu]") {
  const at::Tensor x = wave({1, 2, 6, 8}, 0.7);
  CHECK(flash_attention_fits(x, x, x));
  CHECK_FALSE(flash_attention_fits(x.to(at::kHalf), x.to(at::kHalf), x.to(at::kHalf)));
  CHECK_FALSE(flash_attention_fits(x, x.narrow(1, 0, 1), x.narrow(1, 0, 1)));
  CHECK_FALSE(flash_attention_fits(x.transpose(2, 3), x, x));
  CHECK_FALSE(flash_attention_fits(x, x.narrow(2, 0, 0), x.narrow(2, 0, 0)));
}

}  // namespace
}  // namespace chitu::nn
