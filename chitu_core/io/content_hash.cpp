#include "chitu_core/io/content_hash.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <vector>

#include "chitu_core/io/hash.h"
#include "chitu_core/threads/parallel_for.h"

namespace chitu::io {
namespace {

constexpr std::int64_t kPieceBytes = 16 << 20;
constexpr std::int64_t kReadBytes = 1 << 20;
constexpr std::int64_t kSampleBytes = 512;
/// Samples per tensor: at its beginning, its end, and between them.
constexpr std::int64_t kSamples = 5;

std::string sum_of_piece(const TensorFile& file, std::int64_t begin, std::int64_t end) {
  std::string buffer;
  Sha256 sum;
  for (std::int64_t at = begin; at < end; at += kReadBytes) {
    buffer.resize(static_cast<std::size_t>(std::min(kReadBytes, end - at)));
    file.read_bytes(at, buffer.data(), std::ssize(buffer));
    sum.update(buffer);
  }
  return sum.finish();
}

/// Offset of the first tensor's data.
std::int64_t header_bytes(const TensorFile& file) {
  const auto& tensors = file.tensors();
  return tensors.empty() ? file.identity().size_bytes : tensors.front().offset_bytes;
}

}  // namespace

std::string content_sum(const TensorFile& file, const std::function<void()>& between) {
  const std::int64_t size = file.identity().size_bytes;
  const std::int64_t pieces = (size + kPieceBytes - 1) / kPieceBytes;
  const std::int64_t at_once = 2 * at::get_num_threads();
  std::vector<std::string> sums(static_cast<std::size_t>(pieces));
  for (std::int64_t first = 0; first < pieces; first += at_once) {
    between();
    threads::parallel_for(first, std::min(first + at_once, pieces), 1, [&](auto begin, auto end) {
      for (std::int64_t i = begin; i < end; ++i)
        sums[static_cast<std::size_t>(i)] =
            sum_of_piece(file, i * kPieceBytes, std::min((i + 1) * kPieceBytes, size));
    });
  }
  Sha256 whole;
  for (const std::string& sum : sums) whole.update(sum);
  return whole.finish();
}

std::string sampled_sum(const TensorFile& file) {
  Sha256 sum;
  std::string buffer(static_cast<std::size_t>(header_bytes(file)), '\0');
  file.read_bytes(0, buffer.data(), std::ssize(buffer));
  sum.update(buffer);
  for (const TensorInfo& tensor : file.tensors()) {
    buffer.resize(static_cast<std::size_t>(std::min(kSampleBytes, tensor.size_bytes)));
    const std::int64_t most = tensor.size_bytes - std::ssize(buffer);
    for (std::int64_t i = 0; i < kSamples; ++i) {
      file.read_bytes(tensor.offset_bytes + most / (kSamples - 1) * i, buffer.data(),
                      std::ssize(buffer));
      sum.update(buffer);
    }
  }
  return sum.finish();
}

}  // namespace chitu::io
