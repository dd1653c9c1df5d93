#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace chitu::cache {

/// The hidden states of a pass, by lane: a prompt of a video.
class Lanes {
 public:
  virtual ~Lanes() = default;
  /// All lanes, in the order that copies least.
  virtual std::vector<std::size_t> order() const = 0;
  /// The states now: one tensor, or several where a layer has several streams; the first is what
  /// the model's result is made of. They change with the next layer.
  virtual std::vector<at::Tensor> states(std::size_t lane) = 0;
  /// The states before the first layer, made again: the caller owns them.
  virtual std::vector<at::Tensor> input(std::size_t lane) = 0;
  /// Continues with these; streams that are left out keep their states.
  virtual void set(std::size_t lane, std::vector<at::Tensor> states) = 0;
};

/// A model asks it on its way through the layers: walk_layers().
class PassCache {
 public:
  virtual ~PassCache() = default;
  /// The layer that computes next: `index`, or a later one up to the number of layers, with the
  /// states as they are before it.
  virtual std::int64_t before_layer(std::int64_t index, Lanes& lanes) = 0;
  virtual void after_layers(Lanes& lanes) = 0;

  /// Attention of a layer, which adds to the states in place.
  enum class Attention { self, cross };
  /// Adds what this attention added before, if the step reuses it. False: compute it, between
  /// attention_begin() and attention_end().
  virtual bool reuse_attention(std::int64_t layer, std::size_t lane, Attention kind,
                               at::Tensor& states) = 0;
  /// Returns what attention_end() gets: a copy of the states if the result is kept, else undefined.
  virtual at::Tensor attention_begin(Attention kind, const at::Tensor& states) const = 0;
  virtual void attention_end(std::int64_t layer, std::size_t lane, Attention kind,
                             at::Tensor before, const at::Tensor& states) = 0;
  /// In a dry run: what the bytes that a layer keeps depend on, and keeping them for a layer that
  /// is only counted, which is like the one before it.
  virtual std::vector<std::int64_t> dry_run_state(std::int64_t layer) const = 0;
  virtual void dry_run_skip(std::int64_t layer) = 0;
};

/// Calls compute(index) for the layers that compute: all of them without a cache.
void walk_layers(PassCache* cache, Lanes& lanes, std::int64_t layers, const auto& compute) {
  for (std::int64_t index = 0; index < layers; ++index) {
    if (cache) index = cache->before_layer(index, lanes);
    if (index < layers) compute(index);
  }
  if (cache) cache->after_layers(lanes);
}

}  // namespace chitu::cache
