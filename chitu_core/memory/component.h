#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "chitu_core/io/checkpoint.h"
#include "chitu_core/memory/layer_stream.h"
#include "chitu_core/memory/module.h"
#include "chitu_core/memory/weight_source.h"
#include "chitu_core/memory/weights.h"

namespace chitu::memory {

/// A part of a pipeline whose weights come and go as one: text_encoder, transformer, vae.
///
/// Only the executor of the graph calls onload and offload; stages and models never do.
class Component {
 public:
  /// Reads no weights.
  ///
  /// throws  InputError when the source does not fit the module; Error as check_ownership does
  Component(std::string name, std::shared_ptr<Module> module,
            std::shared_ptr<const WeightSource> source);

  const std::string& name() const { return name_; }
  const Module& module() const { return *module_; }
  /// What its weights take at rest, in the files.
  std::int64_t stored_bytes() const;

  bool onloaded() const { return onloaded_; }
  /// Bytes that all weights take in this format. Only while none is bound.
  std::int64_t bytes_in(const WeightFormat& format) const;
  /// Binds the weights. False when they are there in this format already.
  bool onload(const WeightFormat& format);
  /// Binds what stands outside the layers, and the resident layers, spread evenly; begin_passes()
  /// tells who brings the others. Tables of which few rows are read stay in the file.
  bool onload_streamed(const WeightFormat& format, const StreamOptions& options = {});
  void offload() noexcept;
  /// Lets a copy in host memory go as well.
  void forget() noexcept;

  /// Announces so many passes over the layers. Returns whom the model tells about each layer; null
  /// when all weights are there. The observer, if any, is told what is streamed for them until
  /// end_passes().
  LayerObserver* begin_passes(std::int64_t passes, StreamObserver* observer = nullptr);
  void end_passes() noexcept;
  /// The stream of the layers' weights; null when they are not streamed.
  const LayerStream* stream() const { return stream_.get(); }
  /// What its streams have brought over since the component was made.
  LayerStream::Traffic traffic() const;

 private:
  std::string name_;
  std::shared_ptr<Module> module_;
  /// The source that the format asks for; a copy in host memory stays until it is not asked for.
  const WeightSource& source_for(const WeightFormat& format);

  std::shared_ptr<const WeightSource> source_;
  std::unique_ptr<const HostWeights> on_host_;
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
