#pragma once

#include <cstdint>
#include <exception>
#include <filesystem>
#include <limits>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/graph/events.h"
#include "pipelines/model/request.h"

namespace chitu::parallel {
class Ranks;
}

namespace chitu::pipelines {

/// One request of a window of a batch.
struct BatchItem {
  Request request;
  Output output;     ///< with a folder that exists; of a rank beside the first one, empty
  std::string name;  ///< begins the names of its files in spill_dir; unique in the window: "0007"
  /// Kept by an earlier window: the item starts at decoding. Belongs to the caller, who removes it.
  /// Empty = the item starts from its prompt. Only the first rank opens it.
  std::filesystem::path latents{};
};

struct BatchOptions {
  /// Requests of like shape that pass through a model together (BatchGroups). Their activations are
  /// held at the same time; no bit of a result differs.
  std::int64_t size = 1;
  /// Where values wait between the stages; exists. Holds <name>.latents.safetensors of the items
  /// that are sampled and not yet saved.
  std::filesystem::path spill_dir{};
  /// Most bytes that may wait there at a time.
  std::int64_t spill_limit_bytes = std::numeric_limits<std::int64_t>::max();
  std::stop_token stop{};   ///< ends the window within a step; what was kept stays
  std::stop_token pause{};  ///< ends it at the next safe point: what an item has reached is on disk
  std::vector<graph::Observer*> observers{};
  /// That run this window together, each with the same items; null: this process alone. The first
  /// rank has the files. An item that fails on one rank has failed on all.
  parallel::Ranks* ranks = nullptr;
};

/// What one item took, over all its stages. Of a stage that several items share, each has an equal
/// share of the seconds and the whole peak.
struct ItemCost {
  double seconds = 0;
  std::int64_t peak_device_bytes = 0;  ///< as StageCost has it
  std::int64_t peak_host_bytes = 0;    ///< resident set
};

struct SavedItem {
  std::vector<std::filesystem::path> files;  ///< the media first
  std::vector<std::string> problems;         ///< files beside the media that could not be written
  ItemCost cost;
};

struct FailedItem {
  std::exception_ptr error;
  std::filesystem::path latents;  ///< kept: the item can start at decoding again; empty = none
  ItemCost cost;
};

/// Told what happens to the items of a window; `item` is the index in the span of items. Calls come
/// from the thread that runs the window, in order. An exception from a call ends the window.
class BatchObserver {
 public:
  virtual ~BatchObserver() = default;
  /// Several items where the stage computes them together.
  virtual void stage_begin(std::string_view /*stage*/, std::span<const std::size_t> /*items*/) {}
  virtual void stage_end(std::string_view /*stage*/, std::span<const std::size_t> /*items*/) {}
  /// The item's latents are whole on disk, under their final name.
  virtual void latents_kept(std::size_t /*item*/, const std::filesystem::path& /*latents*/) {}
  /// The media are on disk under their final names. The engine removes the latents that it kept for
  /// the item once this returns, so the caller records here that the item is done.
  virtual void item_saved(std::size_t /*item*/, const SavedItem& /*saved*/) {}
  /// The others go on. Latents that were kept stay.
  virtual void item_failed(std::size_t /*item*/, const FailedItem& /*failed*/) {}
  /// Share of the window's work that is done, 0 to 1, by predicted operations. Told after every
  /// denoising step and every stage of an item.
  virtual void progress(double /*done*/) {}
};

enum class BatchEnd {
  finished,  ///< every item is saved or has failed
  paused,    ///< asked to pause; items that were not reported are not done
};

}  // namespace chitu::pipelines
