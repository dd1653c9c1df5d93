#include "chitu_core/nn/int8_blocks.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <vector>

#include "chitu_core/device/dry_run.h"
#include "chitu_core/nn/cpu_kernels.h"
#include "chitu_core/threads/parallel_for.h"

namespace chitu::nn {
namespace {

constexpr float kLargest = 127;
/// 1.5 * 2^23: adding it rounds a float32 below 2^22 to an integer, to even in the middle.
constexpr float kRounder = 12582912;

/// Some rows of one head.
template <class T>
struct Block {
  const T* from;
  std::int8_t* to;
  float* scale;
  std::int64_t from_row, rows, width;
  const float* offset;  ///< of a row
};

struct QuantiseBlock {
  template <class T>
  [[gnu::always_inline]] static void run(const Block<T>* block) {
    const float largest = largest_magnitude(*block);
    const float inverse = largest == 0 ? 0 : kLargest / largest;
    *block->scale = largest / kLargest;
    for (std::int64_t r = 0; r < block->rows; ++r) {
      const T* from = block->from + r * block->from_row;
      std::int8_t* to = block->to + r * block->width;
      CHITU_NO_OVERLAP
      for (std::int64_t c = 0; c < block->width; ++c) {
        const float rounded =
            (static_cast<float>(from[c]) - block->offset[c]) * inverse + kRounder - kRounder;
        to[c] = static_cast<std::int8_t>(rounded);
      }
    }
  }

 private:
  template <class T>
  [[gnu::always_inline]] static float largest_magnitude(const Block<T>& block) {
    float largest = 0;
    for (std::int64_t r = 0; r < block.rows; ++r) {
      const T* from = block.from + r * block.from_row;
      for (std::int64_t c = 0; c < block.width; ++c) {
        const float value = static_cast<float>(from[c]) - block.offset[c];
        largest = std::max(largest, value < 0 ? -value : value);
      }
    }
    return largest;
  }
};

template <class T>
void quantise(const at::Tensor& x, const at::Tensor& offset, const Int8Blocks& to) {
  const std::int64_t heads = x.size(1), length = x.size(2), width = x.size(3), rows = to.rows;
  const std::int64_t blocks = to.scales.size(2);
  const std::vector<float> zeros(static_cast<std::size_t>(width), 0.0F);
  const T* from = x.const_data_ptr<T>();
  auto* out = to.values.mutable_data_ptr<std::int8_t>();
  auto* scales = to.scales.mutable_data_ptr<float>();
  const float* offsets = offset.defined() ? offset.const_data_ptr<float>() : nullptr;
  threads::parallel_for(
      0, x.size(0) * heads * blocks, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          const std::int64_t head = i / blocks, first = i % blocks * rows;
          const Block<T> block{
              from + head / heads * x.stride(0) + head % heads * x.stride(1) + first * x.stride(2),
              out + (head * length + first) * width,
              scales + i,
              x.stride(2),
              std::min(rows, length - first),
              width,
              offsets ? offsets + head * width : zeros.data()};
          run_cpu_kernel<QuantiseBlock>(&block);
        }
      });
}

template <class T>
void add_means(const at::Tensor& x, const at::Tensor& to) {
  const std::int64_t heads = x.size(1), length = x.size(2), width = x.size(3);
  const T* from = x.const_data_ptr<T>();
  float* out = to.mutable_data_ptr<float>();
  threads::parallel_for(0, x.size(0) * heads, 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<double> sums(static_cast<std::size_t>(width));
    for (std::int64_t head = begin; head < end; ++head) {
      std::fill(sums.begin(), sums.end(), 0.0);
      const T* rows = from + head / heads * x.stride(0) + head % heads * x.stride(1);
      for (std::int64_t r = 0; r < length; ++r)
        for (std::int64_t c = 0; c < width; ++c)
          sums[static_cast<std::size_t>(c)] += static_cast<double>(rows[r * x.stride(2) + c]);
      for (std::int64_t c = 0; c < width; ++c)
        out[head * width + c] =
            static_cast<float>(sums[static_cast<std::size_t>(c)] / static_cast<double>(length));
    }
  });
}

bool is_bfloat16(const at::Tensor& x) { return x.scalar_type() == at::kBFloat16; }

}  // namespace

at::Tensor mean_rows(const at::Tensor& x) {
  const at::Tensor means =
      at::empty({x.size(0), x.size(1), 1, x.size(3)}, x.options().dtype(at::kFloat));
  if (device::in_dry_run()) return means;
  is_bfloat16(x) ? add_means<at::BFloat16>(x, means) : add_means<float>(x, means);
  return means;
}

Int8Blocks to_int8_blocks(const at::Tensor& x, const at::Tensor& offset, std::int64_t rows) {
  const std::int64_t blocks = (x.size(2) + rows - 1) / rows;
  Int8Blocks result{at::empty(x.sizes(), x.options().dtype(at::kChar)),
                    at::empty({x.size(0), x.size(1), blocks}, x.options().dtype(at::kFloat)), rows};
  if (device::in_dry_run()) return result;
  is_bfloat16(x) ? quantise<at::BFloat16>(x, offset, result) : quantise<float>(x, offset, result);
  return result;
}

at::Tensor widened(const Int8Blocks& blocks) {
  const std::int64_t length = blocks.values.size(2);
  const at::Tensor scales = blocks.scales.unsqueeze(3)
                                .expand({-1, -1, -1, blocks.rows})
                                .flatten(2)
                                .narrow(2, 0, length)
                                .unsqueeze(3);
  return blocks.values.to(at::kFloat).mul_(scales);
}

}  // namespace chitu::nn
