#include "chitu_core/memory/lora_weights.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>

#include "chitu_core/common/error.h"
#include "chitu_core/device/dry_run.h"
#include "chitu_core/memory/low_rank_names.h"

namespace chitu::memory {
namespace {

/// Bytes in the file of this many rows.
std::int64_t file_bytes(const io::TensorInfo& info, std::int64_t rows) {
  return info.shape.empty() || info.shape.front() == 0
             ? info.size_bytes
             : info.size_bytes / info.shape.front() * rows;
}

/// Rows of a merged product that are computed at once.
constexpr std::int64_t kGroupRows = 256;

at::TensorOptions host_floats() {
  return at::TensorOptions().dtype(at::kFloat).device(device::host());
}

}  // namespace

/// A dry run counts the bytes; its tensors have no data.
void LoraWeights::read(const io::SafetensorsFile& file, const std::string& tensor,
                       std::int64_t first_row, at::Tensor& to) const {
  const io::TensorInfo& info = file.info(tensor);
  const std::int64_t rows = to.dim() == 0 ? 1 : to.size(0);
  if (for_plan_)
    device::count_disk_read(file_bytes(info, rows));
  else if (info.shape.size() != static_cast<std::size_t>(to.dim()) || rows == info.shape.front())
    file.read_into(tensor, to);
  else
    file.read_rows(tensor, first_row, to);
}

bool LoraWeights::is_sum(const std::string& name) const {
  return differences_.contains(name) || merged_.contains(name);
}

/// A sum has no form in the files.
StoredForm LoraWeights::stored_form(const std::string& name, const Parameter& parameter) const {
  if (parameter.added || is_sum(name)) return {};
  return base_->stored_form(name, parameter);
}

bool LoraWeights::reads_parts(const std::string& name, const Parameter& parameter) const {
  return parameter.added || (!is_sum(name) && base_->reads_parts(name, parameter));
}

const std::vector<LowRankPair>& LoraWeights::pairs_of(const std::string& name) const {
  const auto found = pairs_.find(layer_of_low_rank(name));
  if (found == pairs_.end()) throw Error("no LoRA has the weight " + name);
  return found->second;
}

void LoraWeights::read_into(const std::string& name, const Parameter& parameter,
                            at::Tensor& to) const {
  if (parameter.added) return read_rows(name, parameter, 0, to);
  read_base(name, parameter, {0, parameter.rows()}, to);
}

void LoraWeights::read_rows(const std::string& name, const Parameter& parameter,
                            std::int64_t first_row, at::Tensor& to) const {
  if (!parameter.added) return read_base(name, parameter, {first_row, to.size(0)}, to);
  if (is_low_rank_down(name)) return read_down(pairs_of(name), first_row, to);
  read_up(pairs_of(name), first_row, to);
}

/// With differences, the sum is made in float32 and rounded once.
void LoraWeights::read_base(const std::string& name, const Parameter& parameter, Rows rows,
                            at::Tensor& to) const {
  const auto read_from_base = [&](at::Tensor& into) {
    if (rows.second == parameter.rows())
      base_->read_into(name, parameter, into);
    else
      base_->read_rows(name, parameter, rows.first, into);
  };
  const auto found = differences_.find(name);
  const auto merged = merged_.find(name);
  if (found == differences_.end() && merged == merged_.end()) return read_from_base(to);
  at::Tensor sums = at::empty(to.sizes(), host_floats());
  read_from_base(sums);
  if (found != differences_.end()) add_differences(found->second, rows.first, sums);
  if (merged != merged_.end()) add_products(merged->second, parameter, rows.first, sums);
  to.copy_(sums);
}

void LoraWeights::add_differences(const std::vector<WeightDifference>& differences,
                                  std::int64_t first_row, at::Tensor& sums) const {
  for (const WeightDifference& difference : differences) {
    at::Tensor values = at::empty(sums.sizes(), host_floats());
    read(*difference.file, difference.tensor, first_row, values);
    sums.add_(values, difference.factor);
  }
}

void LoraWeights::add_products(const std::vector<LowRankPair>& pairs, const Parameter& parameter,
                               std::int64_t first_row, at::Tensor& sums) const {
  const std::int64_t rows = parameter.rows(), end_row = first_row + sums.size(0);
  for (const LowRankPair& pair : pairs) {
    at::Tensor down = at::empty({pair.rank, sums.size(1)}, host_floats());
    read(*pair.file, pair.down, 0, down);
    for (std::int64_t group = first_row / kGroupRows * kGroupRows; group < end_row;
         group += kGroupRows) {
      at::Tensor up = at::empty({std::min(kGroupRows, rows - group), pair.rank}, host_floats());
      read(*pair.file, pair.up, group, up);
      const std::int64_t from = std::max(group, first_row);
      const std::int64_t end = std::min(group + up.size(0), end_row);
      const at::Tensor product = at::mm(up, down).mul_(pair.factor);
      sums.narrow(0, from - first_row, end - from)
          .add_(product.narrow(0, from - group, end - from));
    }
  }
}

void LoraWeights::read_down(const std::vector<LowRankPair>& pairs, std::int64_t first_row,
                            at::Tensor& to) const {
  std::int64_t begin = 0;  // of the pair's rows
  const std::int64_t end_row = first_row + to.size(0);
  for (const LowRankPair& pair : pairs) {
    const std::int64_t from = std::max(begin, first_row),
                       end = std::min(begin + pair.rank, end_row);
    if (from < end) {
      at::Tensor part = to.narrow(0, from - first_row, end - from);
      read(*pair.file, pair.down, from - begin, part);
    }
    begin += pair.rank;
  }
}

void LoraWeights::read_up(const std::vector<LowRankPair>& pairs, std::int64_t first_row,
                          at::Tensor& to) const {
  std::int64_t begin = 0;  // of the pair's columns
  for (const LowRankPair& pair : pairs) {
    at::Tensor columns = at::empty({to.size(0), pair.rank}, host_floats());
    read(*pair.file, pair.up, first_row, columns);
    to.narrow(1, begin, pair.rank).copy_(columns.mul_(pair.factor));
    begin += pair.rank;
  }
}

namespace {

std::string text_of(const LowRankPair& pair) {
  return fmt::format("{}{} {} {} ", io::text_of(pair.file->identity()), pair.down, pair.up,
                     pair.factor);
}

std::string text_of(const WeightDifference& difference) {
  return fmt::format("{}{} {} ", io::text_of(difference.file->identity()), difference.tensor,
                     difference.factor);
}

template <class Changes>
std::string text_of(const Changes& changes, const std::string& name) {
  std::string text;
  if (const auto found = changes.find(name); found != changes.end())
    for (const auto& change : found->second) text += text_of(change);
  return text;
}

}  // namespace

std::string LoraWeights::identity(const std::string& name, const Parameter& parameter) const {
  if (parameter.added) return text_of(pairs_, layer_of_low_rank(name)) + name;
  const std::string base = base_->identity(name, parameter);
  return base.empty() ? base : base + text_of(differences_, name) + text_of(merged_, name);
}

std::int64_t LoraWeights::stored_bytes(const std::string& name, const Parameter& parameter) const {
  if (!parameter.added) return base_->stored_bytes(name, parameter);
  std::int64_t bytes = 0;
  for (const LowRankPair& pair : pairs_of(name))
    bytes += pair.file->info(is_low_rank_down(name) ? pair.down : pair.up).size_bytes;
  return bytes;
}

}  // namespace chitu::memory
