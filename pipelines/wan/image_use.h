#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chitu_core/models/wan/transformer_config.h"
#include "pipelines/model/model_folder.h"
#include "pipelines/model/request.h"
#include "pipelines/wan/experts.h"

namespace chitu::pipelines::wan {

/// What a checkpoint does with the pictures of a request.
struct ImageUse {
  bool required = false;     ///< request.image must be set
  bool first_frame = false;  ///< the encoded picture is the first latent frame
  /// Channels beside the latents hold a mask and the encoded pictures.
  bool channels = false;
  bool embeds = false;  ///< cross-attention sees the hidden states of an image encoder
  bool last_image_required = false;

  /// Whether a request may have pictures.
  bool any() const { return first_frame || channels; }
  bool last_image_allowed() const { return channels && (!embeds || last_image_required); }
};

/// As model_index.json and the configs of the transformers say. Source: diffusers,
/// WanImageToVideoPipeline.
///
/// throws  InputError naming the file and key of configs that do not fit together
ImageUse image_use_of(const ModelFolder& folder, const io::JsonObject& index,
                      const std::vector<Expert>& experts);

/// Pictures of a request: the first and, if there is one, the last.
std::int64_t picture_count(const Request& request, const ImageUse& use);

/// for_plan  pictures may be missing: a plan needs their number only
/// throws    InputError naming request.image or request.last_image if it is set for a checkpoint
///           that takes none, or missing
void check_pictures(const Request& request, const ImageUse& use, bool for_plan);

}  // namespace chitu::pipelines::wan
