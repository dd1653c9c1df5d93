#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "chitu_core/common/temporary.h"
#include "chitu_core/graph/stored_value.h"
#include "pipelines/spill/latents_file.h"
#include "pipelines/spill/reserved_space.h"

namespace chitu::pipelines {

/// The tensors on the host, contiguous. Copies from a device are counted.
graph::StoredValue values_on_host(graph::StoredValue values);

/// Where the values of a window's items wait between the legs of the graph. `leg` is the one they
/// wait for. Those that wait for the last leg are the latents, which outlive the window.
class Spill {
 public:
  virtual ~Spill() = default;
  /// values  on any device; nothing of them is held when this returns
  /// throws  InputError "<file>: cannot write: <reason>"
  virtual void put(std::size_t item, std::size_t leg, const graph::StoredValue& values) = 0;
  /// The tensors are on the host.
  virtual graph::StoredValue get(std::size_t item, std::size_t leg) = 0;
  virtual void remove(std::size_t item, std::size_t leg) = 0;
};

/// Bytes that wait on disk, now and at most.
class SpillLedger {
 public:
  void add(std::size_t item, std::size_t leg, std::int64_t bytes);
  void remove(std::size_t item, std::size_t leg);
  std::int64_t now_bytes() const { return now_; }
  std::int64_t most_bytes() const { return most_; }
  /// The most that one item has had there for this leg.
  std::int64_t largest_bytes(std::size_t leg) const {
    const auto found = largest_.find(leg);
    return found == largest_.end() ? 0 : found->second;
  }

 private:
  std::map<std::pair<std::size_t, std::size_t>, std::int64_t> waiting_;
  std::map<std::size_t, std::int64_t> largest_;  ///< by leg
  std::int64_t now_ = 0, most_ = 0;
};

/// The most items whose values fit, all of them as large as the largest.
///
/// leg_bytes  of one item, by the leg that they wait for; 0 for the first leg
std::int64_t largest_window(const std::vector<std::int64_t>& leg_bytes, std::int64_t limit_bytes);

/// One item's files.
struct SpilledItem {
  std::string name;
  LatentsOrigin origin;
  std::filesystem::path latents{};  ///< kept by an earlier window; empty = made in this one
  /// Of these latents, the tensors on the meta device; empty: they are read from the file.
  std::optional<graph::StoredValue> shapes{};
};

/// Waiting values in safetensors files. Those of a window that was killed are removed by the next
/// one in the same folder, all but the latents.
class DiskSpill final : public Spill {
 public:
  /// last_leg   whose values are the latents
  /// most_bytes that will wait at a time: reserved, so that the disk does not fill up meanwhile
  /// throws     InputError "batch.spill_dir=<folder>: <problem>"
  DiskSpill(const std::filesystem::path& folder, std::vector<SpilledItem> items,
            std::size_t last_leg, std::int64_t most_bytes);

  void put(std::size_t item, std::size_t leg, const graph::StoredValue& values) override;
  graph::StoredValue get(std::size_t item, std::size_t leg) override;
  /// Leaves latents of an earlier window alone.
  void remove(std::size_t item, std::size_t leg) override;

  /// The latents of an item: where they are, or will be.
  std::filesystem::path latents_path(std::size_t item) const;
  /// Whether the item's latents are on disk.
  bool has_latents(std::size_t item) const;

 private:
  std::filesystem::path path_of(std::size_t item, std::size_t leg) const;

  std::filesystem::path folder_;
  std::vector<SpilledItem> items_;
  std::size_t last_leg_;
  TemporaryName waiting_;  ///< folder of what does not outlive the window
  SpillLedger ledger_;
  std::int64_t most_bytes_;
  ReservedSpace reserved_;
};

/// The same for a dry run: counts copies, reads and bytes, and writes nothing.
class CountedSpill final : public Spill {
 public:
  /// items  as for DiskSpill; of those with latents the shapes are read from the files
  CountedSpill(std::vector<SpilledItem> items, std::size_t last_leg);

  void put(std::size_t item, std::size_t leg, const graph::StoredValue& values) override;
  graph::StoredValue get(std::size_t item, std::size_t leg) override;
  void remove(std::size_t item, std::size_t leg) override;

  /// Values of which the shapes are known.
  struct Record {
    struct Shape {
      std::string name;
      at::ScalarType dtype;
      std::vector<std::int64_t> sizes;
    };
    std::vector<Shape> shapes;
    std::map<std::string, std::string> texts;
    std::int64_t device_bytes = 0;  ///< that were on a device when they were put
  };
  const Record& record(std::size_t item, std::size_t leg) const { return records_.at({item, leg}); }
  /// As if such values had been put, or got.
  void put(std::size_t item, std::size_t leg, Record record);
  void count_get(std::size_t item, std::size_t leg);
  /// Copied to the host by put(), and read from the disk by get(). Both happen between the stages.
  std::int64_t d2h_bytes() const { return d2h_bytes_; }
  std::int64_t disk_bytes() const { return disk_bytes_; }
  std::int64_t most_bytes() const { return ledger_.most_bytes(); }
  std::int64_t largest_bytes(std::size_t leg) const { return ledger_.largest_bytes(leg); }

 private:
  static Record record_of(const SpilledItem& item);
  std::int64_t file_bytes(std::size_t item, std::size_t leg, const Record& record) const;

  std::vector<SpilledItem> items_;
  std::size_t last_leg_;
  std::map<std::pair<std::size_t, std::size_t>, Record> records_;
  SpillLedger ledger_;
  std::int64_t d2h_bytes_ = 0, disk_bytes_ = 0;
};

/// Equal texts for values of the same shapes.
std::string to_string(const CountedSpill::Record& record);

}  // namespace chitu::pipelines
