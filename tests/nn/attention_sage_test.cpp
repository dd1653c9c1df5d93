#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <cmath>

#include "chitu_core/common/error.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/nn/attention.h"
#include "chitu_core/nn/int8_attention.h"
#include "chitu_core/nn/int8_blocks.h"
#include "chitu_core/threads/side_by_side.h"
#include "tests/support/catch.h"

namespace chitu::nn {
namespace {

at::Tensor normal(at::IntArrayRef sizes, std::uint64_t seed) {
  return at::randn(sizes, at::make_generator<at::CPUGeneratorImpl>(seed), at::kFloat);
}

double cosine(const at::Tensor& a, const at::Tensor& b) {
  const auto wide = [](const at::Tensor& x) { return x.to(at::kDouble).flatten(); };
  const at::Tensor x = wide(a), y = wide(b);
  return (at::dot(x, y) / (x.norm() * y.norm())).item<double>();
}

/// Keys as those of video models: channels with a mean that is large beside their spread.
at::Tensor keys_with_means(at::IntArrayRef sizes, std::uint64_t seed) {
  return normal(sizes, seed) + 8 * normal({1, sizes[1], 1, sizes[3]}, seed + 1);
}

at::Tensor through_int8_blocks(const at::Tensor& x, const at::Tensor& offset, std::int64_t rows) {
  return widened(to_int8_blocks(x, offset, rows));
}

TEST_CASE("blocks of rows keep their largest magnitude and 127 steps below it", "[nn][cpu]") {
  const at::Tensor x = normal({2, 3, 150, 20}, 1);
  const at::Tensor rounded = through_int8_blocks(x, {}, 64);
  for (std::int64_t first = 0; first < 150; first += 64) {
    const std::int64_t rows = std::min<std::int64_t>(64, 150 - first);
    const auto block = [&](const at::Tensor& of) { return of.narrow(2, first, rows).flatten(2); };
    const at::Tensor scale = block(x).abs().amax(-1, true) / 127;
    CHECK(at::allclose(block(rounded), at::round(block(x) / scale) * scale, 1e-6, 1e-6));
    CHECK((block(rounded) / scale).abs().amax().item<float>() < 127.001F);
  }
}

TEST_CASE("a mean is subtracted before rounding, and zeros stay zeros", "[nn][cpu]") {
  const at::Tensor x = keys_with_means({1, 2, 70, 8}, 3), mean = mean_rows(x);
  CHECK(at::allclose(mean, x.mean(2, true), 1e-6, 1e-6));
  CHECK(at::allclose(through_int8_blocks(x, mean, 64), x - mean, 0, 0.04));
  const at::Tensor zeros = at::zeros({1, 1, 5, 4});
  CHECK(at::equal(through_int8_blocks(zeros, {}, 64), zeros));
}

at::Tensor integers(std::int64_t rows, std::int64_t width, std::uint64_t seed) {
  return at::randint(-127, 128, {rows, width}, at::make_generator<at::CPUGeneratorImpl>(seed),
                     at::kChar);
}

at::Tensor scores_by(const Int8Scores& way, const at::Tensor& queries, const at::Tensor& keys) {
  const at::Tensor scores = at::zeros({queries.size(0), Int8Scores::kKeys});
  way.run(queries.const_data_ptr<std::int8_t>(), queries.size(0),
          keys.const_data_ptr<std::int8_t>(), keys.size(0), keys.size(1),
          scores.mutable_data_ptr<float>());
  return scores.narrow(1, 0, keys.size(0));
}

/// The sums of products as integers.
at::Tensor exact_scores(const at::Tensor& queries, const at::Tensor& keys) {
  return at::matmul(queries.to(at::kLong), keys.to(at::kLong).t()).to(at::kFloat);
}

TEST_CASE("sums of INT8 products are exact in float32, up to the widest rows", "[nn][cpu]") {
  for (const std::int64_t width : {3, 64, 128, 1040}) {
    const at::Tensor queries = integers(128, width, 1), keys = integers(50, width, 2);
    CHECK(at::equal(scores_by(float_int8_scores(), queries, keys), exact_scores(queries, keys)));
    const at::Tensor largest = at::full({2, width}, 127, at::kChar);
    CHECK(at::equal(scores_by(float_int8_scores(), largest, largest),
                    exact_scores(largest, largest)));
  }
}

TEST_CASE("INT8 tiles give the bits of float32", "[nn][cpu]") {
  if (!has_int8_tiles()) {
    WARN("skipped: this processor has no INT8 tiles (AMX), or libtorch does not use them");
    CHECK(&fastest_int8_scores() == &float_int8_scores());
    return;
  }
  CHECK(&fastest_int8_scores() == &tile_int8_scores());
  for (const std::int64_t width : {6, 32, 64, 128})
    for (const std::int64_t rows : {1, 37, 128})
      for (const std::int64_t count : {1, 50, 64}) {
        CAPTURE(width, rows, count);
        const at::Tensor queries = integers(rows, width, 1), keys = integers(count, width, 2);
        CHECK(at::equal(scores_by(tile_int8_scores(), queries, keys), exact_scores(queries, keys)));
      }
  const Int8Blocks q = to_int8_blocks(normal({1, 2, 300, 64}, 1), {}, 128);
  const Int8Blocks k = to_int8_blocks(normal({1, 2, 500, 64}, 2), {}, Int8Scores::kKeys);
  const at::Tensor v = normal({1, 2, 500, 64}, 3);
  const at::Tensor a = at::empty({1, 2, 300, 64}), b = at::empty_like(a);
  int8_attention(q, k, v, 0.125, tile_int8_scores(), a, {});
  int8_attention(q, k, v, 0.125, float_int8_scores(), b, {});
  CHECK(at::equal(a, b));
}

TEST_CASE("INT8 attention is the softmax of the rounded queries and keys", "[nn][cpu]") {
  const at::Tensor q = normal({2, 3, 150, 24}, 1), k = normal({2, 3, 100, 24}, 2);
  const at::Tensor v = normal({2, 3, 100, 40}, 3);
  const Int8Blocks queries = to_int8_blocks(q, {}, 128);
  const Int8Blocks keys = to_int8_blocks(k, {}, Int8Scores::kKeys);
  const at::Tensor out = at::empty({2, 3, 150, 40}), log_sum_exp = at::empty({2, 3, 150});
  int8_attention(queries, keys, v, 0.3, float_int8_scores(), out, log_sum_exp);
  const at::Tensor scores = at::matmul(widened(queries), widened(keys).transpose(-1, -2)) * 0.3;
  CHECK(at::allclose(out, at::matmul(at::softmax(scores, -1), v), 1e-5, 1e-5));
  CHECK(at::allclose(log_sum_exp, at::logsumexp(scores, -1), 1e-5, 1e-5));
}

TEST_CASE("INT8 attention has the same bits on any number of threads", "[nn][cpu]") {
  const at::Tensor q = normal({1, 1, 300, 64}, 1), k = normal({1, 1, 700, 64}, 2);
  const Attention sage("sage");
  const at::Tensor out = sage(q, k, k);
  const threads::OnOneThread alone;
  CHECK(at::equal(sage(q, k, k), out));
}

TEST_CASE("sage is near exact attention, also for long sequences and keys with large means",
          "[nn][cpu]") {
  const Attention exact("cpu_flash"), sage("sage");
  for (const std::int64_t keys : {70, 1000, 32760})
    for (const std::int64_t width : {64, 128}) {
      INFO(keys << " keys, head of " << width);
      const at::Tensor q = normal({1, 2, 130, width}, 5);
      const at::Tensor k = keys_with_means({1, 2, keys, width}, 6),
                       v = normal({1, 2, keys, width}, 8);
      CHECK(cosine(sage(q, k, v), exact(q, k, v)) > 0.9995);
    }
}

TEST_CASE("without the mean of the keys the error would be several times that of sage",
          "[nn][cpu]") {
  const at::Tensor q = normal({1, 1, 130, 64}, 5), k = keys_with_means({1, 1, 1000, 64}, 6);
  const at::Tensor v = normal({1, 1, 1000, 64}, 8);
  const Attention exact("cpu_flash"), sage("sage");
  const at::Tensor wanted = exact(q, k, v);
  const at::Tensor rough =
      exact(through_int8_blocks(q, {}, 128), through_int8_blocks(k, {}, 64), v);
  CHECK(1 - cosine(rough, wanted) > 4 * (1 - cosine(sage(q, k, v), wanted)));
}

TEST_CASE("sage takes bfloat16 and heads that are adjacent in memory", "[nn][cpu]") {
  const auto heads = [](const at::Tensor& x) { return x.to(at::kBFloat16).transpose(1, 2); };
  const at::Tensor q = heads(normal({2, 70, 4, 32}, 1)), k = heads(normal({2, 90, 4, 32}, 2));
  const at::Tensor v = heads(normal({2, 90, 4, 32}, 3));
  const Attention sage("sage");
  const at::Tensor out = sage(q, k, v);
  CHECK(out.scalar_type() == at::kBFloat16);
  CHECK(at::equal(out, sage(q.contiguous(), k.contiguous(), v.contiguous())));
  CHECK(cosine(out, Attention("cpu_flash")(q, k, v)) > 0.9995);
}

TEST_CASE("sage gives the log-sum-exp, so that parts of the keys can be merged", "[nn][cpu]") {
  const at::Tensor q = normal({1, 2, 40, 32}, 1), k = keys_with_means({1, 2, 300, 32}, 2);
  const at::Tensor v = normal({1, 2, 300, 32}, 3);
  const auto* sage = Registry<AttentionBackend>::instance().find("sage");
  REQUIRE(sage->gives_log_sum_exp());
  const auto all = sage->run_part(q, k, v, {});
  CHECK(at::equal(all.out, sage->run(q, k, v, {})));
  const at::Tensor scores = at::matmul(q, k.transpose(-1, -2)) / std::sqrt(32.0);
  CHECK(at::allclose(all.log_sum_exp, at::logsumexp(scores, -1), 0, 0.2));
  const auto rows = [](const at::Tensor& x, std::int64_t first, std::int64_t count) {
    return x.narrow(2, first, count);
  };
  const auto a = sage->run_part(q, rows(k, 0, 130), rows(v, 0, 130), {});
  const auto b = sage->run_part(q, rows(k, 130, 170), rows(v, 130, 170), {});
  const at::Tensor share = at::sigmoid(a.log_sum_exp - b.log_sum_exp).unsqueeze(-1);
  CHECK(cosine(a.out * share + b.out * (1 - share), Attention("cpu_flash")(q, k, v)) > 0.9995);
}

TEST_CASE("sage computes cross-attention and attention with a bias exactly", "[nn][cpu]") {
  const at::Tensor q = normal({1, 2, 30, 16}, 1), k = normal({1, 2, 50, 16}, 2);
  const Attention sage("sage"), exact("cpu_flash");
  const AttentionOptions cross{.kind = AttentionKind::cross, .bias = {}, .scale = {}};
  CHECK(at::equal(sage(q, k, k, cross), exact(q, k, k, cross)));
  const AttentionOptions biased{
      .kind = AttentionKind::self, .bias = at::ones({1, 1, 30, 50}), .scale = {}};
  CHECK(at::equal(sage(q, k, k, biased), exact(q, k, k, biased)));
}

TEST_CASE("sage is never taken for auto or for encoders, and names devices without it", "[nn]") {
  CHECK_FALSE(Registry<AttentionBackend>::instance().find("sage")->exact());
  CHECK(exact_attention("sage") == "auto");
  CHECK(exact_attention("torch_sdpa") == "torch_sdpa");
  CHECK_THROWS_WITH(Attention("sage", c10::kCUDA), "infer.attn_type: sage does not run on cuda");
}

}  // namespace
}  // namespace chitu::nn
