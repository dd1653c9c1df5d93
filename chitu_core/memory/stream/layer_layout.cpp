#include "chitu_core/memory/stream/layer_layout.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "chitu_core/common/error.h"

namespace chitu::memory {
namespace {

constexpr std::int64_t kAlignment = 64;  // of libtorch's own allocations

std::int64_t aligned(std::int64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

at::Tensor LayerPiece::in(const at::Tensor& slab) const {
  return WeightRows{name, *parameter, 0, parameter->rows(), offset_bytes}.in(slab);
}

LayerLayout::LayerLayout(const std::string& name, std::int64_t index, Module& module,
                         std::int64_t chunk_bytes)
    : index_(index), chunk_bytes_(chunk_bytes), chunks_(1) {
  module.visit_parameters([&](const std::string& parameter_name, Parameter& parameter) {
    const std::string full_name = name + "." + parameter_name;
    if (parameter.memory_format != at::MemoryFormat::Contiguous)
      throw Error("cannot stream " + full_name + ": its weights are not contiguous");
    pieces_.push_back({full_name, &parameter, bytes_});
    cut(pieces_.size() - 1);
    bytes_ += aligned(parameter.stored_bytes());
  });
  chunks_.back().end = bytes_;
}

/// Adds a piece's rows to the last chunk, and to new chunks when it is full.
void LayerLayout::cut(std::size_t piece) {
  const Parameter& parameter = *pieces_[piece].parameter;
  if (parameter.numel() == 0) return;
  const std::int64_t rows = parameter.rows(), row_bytes = parameter.stored_bytes() / rows;
  for (std::int64_t first = 0; first < rows;) {
    const std::int64_t offset = pieces_[piece].offset_bytes + first * row_bytes;
    // Minus the gap that may precede the next piece.
    const std::int64_t room = chunks_.back().base + chunk_bytes_ - kAlignment - offset;
    if (room < row_bytes && !chunks_.back().runs.empty()) {
      chunks_.back().end = offset;
      chunks_.push_back({{}, offset / kAlignment * kAlignment, offset, offset});
      continue;
    }
    const std::int64_t fit = std::min(rows - first, rows_that_fit(room, row_bytes));
    chunks_.back().runs.push_back({piece, first, fit, offset});
    first += fit;
  }
}

void LayerLayout::read(const LayerChunk& chunk, const WeightSource& source,
                       const at::Tensor& buffer) const {
  std::vector<WeightRows> rows;
  for (const LayerRun& run : chunk.runs) {
    const LayerPiece& piece = pieces_[run.piece];
    rows.push_back(
        {piece.name, *piece.parameter, run.first_row, run.rows, run.offset_bytes - chunk.base});
  }
  source.fill(rows, buffer);
}

void LayerLayout::read(const WeightSource& source, const at::Tensor& slab) const {
  for (const LayerChunk& chunk : chunks_)
    read(chunk, source, slab.narrow(0, chunk.base, chunk.buffer_bytes()));
}

void LayerLayout::bind(const at::Tensor& slab) const {
  for (const LayerPiece& piece : pieces_) piece.parameter->tensor = piece.in(slab);
}

bool LayerLayout::is_bound() const {
  return !pieces_.empty() && pieces_.front().parameter->tensor.defined();
}

void LayerLayout::unbind() const noexcept {
  for (const LayerPiece& piece : pieces_) piece.parameter->tensor.reset();
}

}  // namespace chitu::memory
