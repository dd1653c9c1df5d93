#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "pipelines/batch/batch.h"
#include "pipelines/batch/frames_batch.h"

namespace chitu::pipelines {

/// The items of a window that have the same LoRAs. A window is run part by part: the weights of the
/// transformers are the same within a part.
template <class Item>
struct WindowPart {
  std::vector<Item> items;
  std::vector<std::size_t> indices;  ///< in the window
  std::size_t before = 0;            ///< items of earlier parts
};
using BatchPart = WindowPart<BatchItem>;
/// Of requests that end as frames.
using RequestPart = WindowPart<Request>;

/// In the order of their first items; one part if all have the same LoRAs.
std::vector<BatchPart> parts_of(std::span<const BatchItem> items);
std::vector<RequestPart> parts_of(std::span<const Request> requests);

/// Tells an observer of the whole window what happens to a part.
class PartObserver final : public BatchObserver {
 public:
  /// total  items of the window; observer and part outlive this
  PartObserver(BatchObserver& observer, const BatchPart& part, std::size_t total)
      : observer_(observer), part_(part), total_(total) {}

  void stage_begin(std::string_view stage, std::span<const std::size_t> items) override;
  void stage_end(std::string_view stage, std::span<const std::size_t> items) override;
  void latents_kept(std::size_t item, const std::filesystem::path& latents) override {
    observer_.latents_kept(part_.indices[item], latents);
  }
  void item_saved(std::size_t item, const SavedItem& saved) override {
    observer_.item_saved(part_.indices[item], saved);
  }
  void item_failed(std::size_t item, const FailedItem& failed) override {
    observer_.item_failed(part_.indices[item], failed);
  }
  void progress(double done) override;

 private:
  std::vector<std::size_t> in_window(std::span<const std::size_t> items) const;

  BatchObserver& observer_;
  const BatchPart& part_;
  std::size_t total_;
};

/// Options for a part, which outlives them, as do the given ones.
FramesBatchOptions options_of(const RequestPart& part, const FramesBatchOptions& options,
                              std::size_t total);

}  // namespace chitu::pipelines
