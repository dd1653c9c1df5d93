#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <tuple>
#include <vector>

#include "chitu_core/graph/stage.h"
#include "chitu_core/graph/stored_value.h"
#include "chitu_core/graph/values.h"
#include "chitu_core/memory/component.h"
#include "chitu_core/models/clip/image_processor.h"
#include "chitu_core/models/clip/vision.h"
#include "chitu_core/models/wan/vae_encode.h"
#include "chitu_core/nn/attention.h"
#include "pipelines/model/pipeline.h"
#include "pipelines/wan/image_use.h"

namespace chitu::pipelines::wan {

using ImageEncoder = memory::ModelComponent<models::CLIPVisionModel>;
using VaeEncoder = memory::ModelComponent<models::AutoencoderKLWanEncoder>;

/// The pictures of a request as the encoders take them, on the host. Both are undefined for a
/// request without pictures.
struct PreparedImages {
  static constexpr std::string_view value_name = "PreparedImages";
  at::Tensor pictures;      ///< [N, H, W, 3] uint8, of the video's size: the first, then the last
  at::Tensor pixel_values;  ///< [N, 3, h, w] float32 for the image encoder; undefined without one

  graph::StoredValue to_stored() const;
  static PreparedImages from_stored(const graph::StoredValue& stored);
};

/// What the image encoder makes of all pictures: [1, rows, D].
struct ImageEmbeddings {
  static constexpr std::string_view value_name = "ImageEmbeddings";
  at::Tensor embeds;

  graph::StoredValue to_stored() const;
  static ImageEmbeddings from_stored(const graph::StoredValue& stored);
};

/// The encoded pictures, float32: channels beside the latents, [1, factor + z_dim, F, H, W], or the
/// first latent frame, [1, z_dim, 1, H, W]. Undefined for a request without pictures.
struct ImageCondition {
  static constexpr std::string_view value_name = "ImageCondition";
  at::Tensor condition;

  graph::StoredValue to_stored() const;
  static ImageCondition from_stored(const graph::StoredValue& stored);
};

/// What the transformer of an image-to-video model is conditioned on.
struct WanConditions {
  static constexpr std::string_view value_name = "WanConditions";
  graph::TextEmbeddings text;
  at::Tensor image_embeds;  ///< as ImageEmbeddings
  at::Tensor condition;     ///< as ImageCondition

  graph::StoredValue to_stored() const;
  static WanConditions from_stored(const graph::StoredValue& stored);
};

/// Reads the pictures and resizes them, as the reference does: for the video with lanczos, for the
/// image encoder as its processor says.
struct PrepareImages {
  using Inputs = std::tuple<Job>;
  using Output = PreparedImages;
  static constexpr std::string_view name = "prepare_images";
  ImageUse use;
  /// Null without an image encoder.
  std::shared_ptr<const models::ClipImageProcessor> processor{};

  std::vector<memory::Component*> components() const { return {}; }
  PreparedImages run(const Job& job, graph::Context& context) const;
};

/// Encodes the pictures for cross-attention. The encoder's layers compute for all requests at once.
struct EncodeImage {
  using Inputs = std::tuple<PreparedImages>;
  using Output = ImageEmbeddings;
  static constexpr std::string_view name = "encode_image";
  ImageEncoder* image_encoder;
  nn::Attention attention;

  std::vector<memory::Component*> components() const { return {image_encoder}; }
  ImageEmbeddings run(const PreparedImages& images, graph::Context& context) const;
  std::vector<graph::Outcome<ImageEmbeddings>> run_several(
      const std::vector<graph::RunInputs<Inputs>>& runs, graph::Context& context) const;
};

/// Encodes the pictures as frames of a video that is grey between them, whole or in tiles as the
/// plan says. A request without pictures does not load the encoder.
struct EncodeCondition {
  using Inputs = std::tuple<PreparedImages, Job>;
  using Output = ImageCondition;
  static constexpr std::string_view name = "encode_condition";
  VaeEncoder* vae_encoder;
  ImageUse use;

  std::vector<memory::Component*> components() const { return {vae_encoder}; }
  std::optional<ImageCondition> known(const PreparedImages& images, const Job& job,
                                      graph::Context& context) const;
  ImageCondition run(const PreparedImages& images, const Job& job, graph::Context& context) const;
};

/// Puts together what conditions the transformer.
struct JoinConditions {
  using Inputs = std::tuple<graph::TextEmbeddings, ImageCondition>;
  using Output = WanConditions;
  static constexpr std::string_view name = "join_conditions";

  std::vector<memory::Component*> components() const { return {}; }
  WanConditions run(const graph::TextEmbeddings& text, const ImageCondition& condition,
                    graph::Context& context) const;
};

/// The same with an image encoder.
struct JoinImageConditions {
  using Inputs = std::tuple<graph::TextEmbeddings, ImageEmbeddings, ImageCondition>;
  using Output = WanConditions;
  static constexpr std::string_view name = "join_conditions";

  std::vector<memory::Component*> components() const { return {}; }
  WanConditions run(const graph::TextEmbeddings& text, const ImageEmbeddings& image,
                    const ImageCondition& condition, graph::Context& context) const;
};

static_assert(graph::Stage<PrepareImages> && graph::StageForSeveral<EncodeImage> &&
              graph::StageWithKnownOutput<EncodeCondition> && graph::Stage<JoinConditions> &&
              graph::Stage<JoinImageConditions>);

}  // namespace chitu::pipelines::wan
