#pragma once

#include <cstdint>

namespace chitu::nn {

/// Products of INT8 rows with INT8 rows: sums of integers, which every way of computing them gives
/// exactly.
class Int8Scores {
 public:
  /// Keys of one call.
  static constexpr std::int64_t kKeys = 64;
  /// Widest rows whose sums float32 holds exactly: 127 * 127 * 1040 < 2^24.
  static constexpr std::int64_t kMostWidth = 1040;

  virtual ~Int8Scores() = default;
  /// scores[r, c] = sum over i of queries[r, i] * keys[c, i].
  ///
  /// queries  [rows, width], keys [count, width], both contiguous; count is kKeys at most
  /// scores   [rows, kKeys]; columns from `count` on have any values
  virtual void run(const std::int8_t* queries, std::int64_t rows, const std::int8_t* keys,
                   std::int64_t count, std::int64_t width, float* scores) const = 0;
};

/// In float32, on any processor.
const Int8Scores& float_int8_scores();

/// Whether this processor has INT8 tiles that libtorch uses: AMX.
bool has_int8_tiles();
/// On these tiles. Rows of a width that is no multiple of 4 are computed in float32.
const Int8Scores& tile_int8_scores();

/// The fastest of them here.
const Int8Scores& fastest_int8_scores();

}  // namespace chitu::nn
