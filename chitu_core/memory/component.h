#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "chitu_core/io/checkpoint.h"
#include "chitu_core/memory/layer_stream.h"
#include "chitu_core/memory/module.h"
#include "chitu_core/memory/shared_weights.h"
#include "chitu_core/memory/weight_source.h"
#include "chitu_core/memory/weights.h"

namespace chitu::device {
class SharedHostMemory;
}

namespace chitu::memory {

/// A part of a pipeline whose weights are onloaded and offloaded together: text_encoder,
/// transformer, vae.
///
/// Only the executor of the graph calls onload and offload; stages and models never do.
class Component {
 public:
  /// Reads no weights.
  ///
  /// throws  InputError when the source does not fit the module; Error as check_ownership does
  Component(std::string name, std::shared_ptr<Module> module,
            std::shared_ptr<const WeightSource> source);

  /// From now on reads its weights together with others, all of which load and free the component
  /// at the same points of their work, in the same formats. Call it before the first onload.
  void share_reading(std::shared_ptr<WeightReaders> readers) { readers_ = std::move(readers); }

  /// From now on its weights in host memory are those of other processes of this host, too. Call it
  /// before the first onload.
  void share_host_memory(const std::shared_ptr<device::SharedHostMemory>& memory);

  const std::string& name() const { return name_; }
  const Module& module() const { return *module_; }
  /// Bytes of its weights in the files.
  std::int64_t stored_bytes() const;

  bool onloaded() const { return onloaded_; }
  /// Bytes of all weights in this format. Throws Error while weights are bound.
  std::int64_t bytes_in(const WeightFormat& format) const;
  /// Binds the weights. Returns false if they are bound in this format already.
  bool onload(const WeightFormat& format);
  /// Binds the weights outside the layers and the resident layers (SpreadLayers); the other layers
  /// are streamed during passes. Tables of which few rows are read stay in the file.
  bool onload_streamed(const WeightFormat& format, const StreamOptions& options = {});
  void offload() noexcept;
  /// Offloads, and frees a copy in host memory.
  void forget() noexcept;

  /// Announces so many passes over the layers. Returns the observer that the model calls for each
  /// layer; null if the component is not streamed. `observer`, if any, receives the events of the
  /// stream until end_passes().
  LayerObserver* begin_passes(std::int64_t passes, StreamObserver* observer = nullptr);
  /// The same for passes that may skip layers: at most so many, each announced by announce_pass().
  LayerObserver* begin_partial_passes(std::int64_t most_passes, StreamObserver* observer = nullptr);
  /// One more pass, over these layers, or the rest of one; nothing is fetched beyond them.
  void announce_pass(const LayerRange& layers);
  void end_passes() noexcept;
  /// Null if the layers are not streamed.
  const LayerStream* stream() const { return stream_.get(); }
  /// What its streams have copied to the device since the component was made.
  LayerStream::Traffic traffic() const;

 private:
  std::string name_;
  std::shared_ptr<Module> module_;
  /// The source for this format. A copy in host memory is kept until a format does not use it.
  const WeightSource& source_for(const WeightFormat& format, bool streamed);
  std::shared_ptr<const WeightSource> nearest_source(const WeightFormat& format, bool streamed);

  std::shared_ptr<const WeightSource> source_;
  std::shared_ptr<const HostWeights> on_host_;
  bool streamed_to_host_ = false;  ///< on_host_ has what a stream reads
  std::shared_ptr<WeightReaders> readers_;
  std::unique_ptr<const SharedWeights> shared_;
  std::unique_ptr<LayerStream> stream_;
  LayerStream::Traffic before_;  ///< of earlier streams
  WeightFormat format_;
  StreamOptions stream_options_;
  bool onloaded_ = false;
};

/// A component together with the type of its model, for the stage that calls it.
template <class Model>
class ModelComponent : public Component {
 public:
  ModelComponent(std::string name, std::shared_ptr<Model> model,
                 std::shared_ptr<const WeightSource> source)
      : Component(std::move(name), model, std::move(source)), model_(std::move(model)) {}
  const Model& model() const { return *model_; }

 private:
  std::shared_ptr<Model> model_;
};

}  // namespace chitu::memory
