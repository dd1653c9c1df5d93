#include "pipelines/spill/spill.h"

#include <ATen/ATen.h>
#include <c10/util/accumulate.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <system_error>

#include "chitu_core/common/error.h"
#include "chitu_core/device/dry_run.h"
#include "chitu_core/device/traffic.h"
#include "chitu_core/io/safetensors_size.h"

namespace chitu::pipelines {
namespace fs = std::filesystem;

namespace {

/// "batch.spill_dir=<folder>: <problem>"
auto about_folder(const fs::path& folder, const auto& work) {
  try {
    return work();
  } catch (const InputError& error) {
    throw InputError(fmt::format("batch.spill_dir={}: {}", folder.string(), error.what()));
  }
}

/// Of the file that the values wait in.
///
/// origin  of latents; null = other values
std::int64_t size_of(const graph::StoredValue& values, const LatentsOrigin* origin) {
  return origin ? LatentsFile::size_bytes(values, *origin)
                : io::safetensors_bytes(values.tensors, values.texts);
}

fs::path checked(const fs::path& folder) {
  remove_abandoned(folder);
  return folder;
}

}  // namespace

graph::StoredValue values_on_host(graph::StoredValue values) {
  for (auto& [name, tensor] : values.tensors)
    tensor = device::move_to(tensor, device::host()).contiguous();
  return values;
}

void SpillLedger::add(std::size_t item, std::size_t leg, std::int64_t bytes) {
  waiting_[{item, leg}] = bytes;
  now_ += bytes;
  largest_[leg] = std::max(largest_[leg], bytes);
  most_ = std::max(most_, now_);
}

void SpillLedger::remove(std::size_t item, std::size_t leg) {
  const auto found = waiting_.find({item, leg});
  if (found == waiting_.end()) return;
  now_ -= found->second;
  waiting_.erase(found);
}

std::int64_t largest_window(const std::vector<std::int64_t>& leg_bytes, std::int64_t limit_bytes) {
  std::int64_t window = std::numeric_limits<std::int64_t>::max();
  const auto bound = [&](std::int64_t each, std::int64_t beside) {
    if (each > 0) window = std::min(window, std::max<std::int64_t>(0, limit_bytes - beside) / each);
  };
  // An item's values for a leg are removed when those for the next one are written: at the first
  // item of a leg all others wait for it, at the last one all others wait for the next.
  for (std::size_t leg = 1; leg < leg_bytes.size(); ++leg) {
    const std::int64_t before = leg_bytes[leg - 1];
    bound(leg_bytes[leg], before);
    bound(before, leg_bytes[leg]);
  }
  return window;
}

DiskSpill::DiskSpill(const fs::path& folder, std::vector<SpilledItem> items, std::size_t last_leg,
                     std::int64_t most_bytes)
    : folder_(checked(folder)),
      items_(std::move(items)),
      last_leg_(last_leg),
      waiting_(folder / "waiting", TemporaryName::Kind::folder),
      most_bytes_(most_bytes),
      reserved_(about_folder(
          folder, [&] { return ReservedSpace(waiting_.temporary() / "reserved", most_bytes); })) {}

fs::path DiskSpill::latents_path(std::size_t item) const {
  const SpilledItem& spilled = items_[item];
  return spilled.latents.empty() ? folder_ / (spilled.name + ".latents.safetensors")
                                 : spilled.latents;
}

bool DiskSpill::has_latents(std::size_t item) const {
  std::error_code ignored;
  return fs::exists(latents_path(item), ignored);
}

fs::path DiskSpill::path_of(std::size_t item, std::size_t leg) const {
  if (leg == last_leg_) return latents_path(item);
  return waiting_.temporary() / fmt::format("{}.{}.safetensors", items_[item].name, leg);
}

void DiskSpill::put(std::size_t item, std::size_t leg, const graph::StoredValue& values) {
  const graph::StoredValue host = values_on_host(values);
  ledger_.add(item, leg, size_of(host, leg == last_leg_ ? &items_[item].origin : nullptr));
  reserved_.resize(std::max<std::int64_t>(0, most_bytes_ - ledger_.now_bytes()));
  if (leg == last_leg_)
    LatentsFile::write(path_of(item, leg), host, items_[item].origin);
  else
    io::write_safetensors(path_of(item, leg), host.tensors, host.texts);
}

graph::StoredValue DiskSpill::get(std::size_t item, std::size_t leg) {
  if (leg == last_leg_) return LatentsFile(path_of(item, leg)).values();
  return read_values(io::SafetensorsFile(path_of(item, leg)));
}

void DiskSpill::remove(std::size_t item, std::size_t leg) {
  if (leg == last_leg_ && !items_[item].latents.empty()) return;
  std::error_code ignored;
  fs::remove(path_of(item, leg), ignored);
  ledger_.remove(item, leg);
  reserved_.resize(std::max<std::int64_t>(0, most_bytes_ - ledger_.now_bytes()));
}

CountedSpill::CountedSpill(std::vector<SpilledItem> items, std::size_t last_leg)
    : items_(std::move(items)), last_leg_(last_leg) {
  for (std::size_t item = 0; item < items_.size(); ++item)
    if (!items_[item].latents.empty()) records_[{item, last_leg_}] = record_of(items_[item]);
}

CountedSpill::Record CountedSpill::record_of(const SpilledItem& item) {
  const graph::StoredValue values = item.shapes ? *item.shapes : LatentsFile(item.latents).shapes();
  Record record{{}, values.texts, 0};
  for (const auto& [name, tensor] : values.tensors)
    record.shapes.push_back({name, tensor.scalar_type(), tensor.sizes().vec()});
  return record;
}

std::int64_t CountedSpill::file_bytes(std::size_t item, std::size_t leg,
                                      const Record& record) const {
  graph::StoredValue values{{}, record.texts};
  for (const Record::Shape& shape : record.shapes)
    values.add(shape.name,
               at::empty(shape.sizes, at::TensorOptions().dtype(shape.dtype).device(at::kMeta)));
  return size_of(values, leg == last_leg_ ? &items_[item].origin : nullptr);
}

void CountedSpill::put(std::size_t item, std::size_t leg, Record record) {
  ledger_.add(item, leg, file_bytes(item, leg, record));
  d2h_bytes_ += record.device_bytes;
  records_[{item, leg}] = std::move(record);
}

void CountedSpill::put(std::size_t item, std::size_t leg, const graph::StoredValue& values) {
  const graph::StoredValue host = values_on_host(values);
  Record record{{}, host.texts, 0};
  for (const auto& [name, tensor] : values.tensors)
    if (!device::is_host(tensor.device()))
      record.device_bytes += static_cast<std::int64_t>(tensor.nbytes());
  for (const auto& [name, tensor] : host.tensors)
    record.shapes.push_back({name, tensor.scalar_type(), tensor.sizes().vec()});
  put(item, leg, std::move(record));
}

graph::StoredValue CountedSpill::get(std::size_t item, std::size_t leg) {
  const Record& record = records_.at({item, leg});
  graph::StoredValue values{{}, record.texts};
  for (const Record::Shape& shape : record.shapes) {
    values.add(
        shape.name,
        at::empty(shape.sizes, at::TensorOptions().dtype(shape.dtype).device(device::host())));
  }
  count_get(item, leg);
  return values;
}

void CountedSpill::count_get(std::size_t item, std::size_t leg) {
  for (const auto& [name, dtype, sizes] : records_.at({item, leg}).shapes)
    disk_bytes_ +=
        c10::multiply_integers(sizes) * static_cast<std::int64_t>(c10::elementSize(dtype));
}

void CountedSpill::remove(std::size_t item, std::size_t leg) { ledger_.remove(item, leg); }

std::string to_string(const CountedSpill::Record& record) {
  std::string text;
  for (const auto& [name, dtype, sizes] : record.shapes)
    text += fmt::format("{} {} [{}]\n", name, c10::toString(dtype), fmt::join(sizes, ", "));
  for (const auto& [name, value] : record.texts) text += fmt::format("{}={}\n", name, value);
  return text;
}

}  // namespace chitu::pipelines
