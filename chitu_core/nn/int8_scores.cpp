#include "chitu_core/nn/int8_scores.h"

#include <ATen/ATen.h>
#include <ATen/native/CPUBlas.h>

#include <algorithm>
#include <vector>

#include "chitu_core/common/cpu_capability.h"
#include "chitu_core/nn/float_view.h"

namespace chitu::nn {
namespace {

namespace blas = at::native::cpublas;

class FloatScores final : public Int8Scores {
 public:
  void run(const std::int8_t* queries, std::int64_t rows, const std::int8_t* keys,
           std::int64_t count, std::int64_t width, float* scores) const override {
    const std::vector<float> a(queries, queries + rows * width), b(keys, keys + count * width);
    at::Tensor sums = float_view(scores, rows, count, kKeys);
    at::mm_out(sums, float_view(a.data(), rows, width, width),
               float_view(b.data(), count, width, width).t());
  }
};

class TileScores final : public Int8Scores {
 public:
  void run(const std::int8_t* queries, std::int64_t rows, const std::int8_t* keys,
           std::int64_t count, std::int64_t width, float* scores) const override {
    if (width % kGroup != 0)
      return float_int8_scores().run(queries, rows, keys, count, width, scores);
    const std::vector<std::int8_t> packed = packed_keys(keys, count, width);
    std::vector<std::int32_t> sums(static_cast<std::size_t>(rows * kKeys));
    blas::brgemm(rows, kKeys, width, width, kKeys, kKeys, false,
                 reinterpret_cast<const signed char*>(queries),
                 reinterpret_cast<const signed char*>(packed.data()), sums.data());
    blas::brgemm_release();
    std::ranges::transform(sums, scores, [](std::int32_t sum) { return static_cast<float>(sum); });
  }

 private:
  static constexpr std::int64_t kGroup = 4;  ///< channels that lie together in a tile

  /// The transposed keys in the order of the tiles: [width / 4, kKeys, 4], zeros behind the last.
  static std::vector<std::int8_t> packed_keys(const std::int8_t* keys, std::int64_t count,
                                              std::int64_t width) {
    std::vector<std::int8_t> packed(static_cast<std::size_t>(width * kKeys));
    for (std::int64_t group = 0; group < width / kGroup; ++group)
      for (std::int64_t key = 0; key < count; ++key)
        std::copy_n(keys + key * width + group * kGroup, kGroup,
                    packed.data() + (group * kKeys + key) * kGroup);
    return packed;
  }
};

}  // namespace

const Int8Scores& float_int8_scores() {
  static const FloatScores scores;
  return scores;
}

bool has_int8_tiles() {
  return cpu_capability() == CpuCapability::avx512 && blas::could_pack(at::kChar);
}

const Int8Scores& tile_int8_scores() {
  static const TileScores scores;
  return scores;
}

const Int8Scores& fastest_int8_scores() {
  return has_int8_tiles() ? tile_int8_scores() : float_int8_scores();
}

}  // namespace chitu::nn
