#include "pipelines/wan/image_stages.h"

#include <ATen/ATen.h>

#include <string>

#include "chitu_core/device/dry_run.h"
#include "chitu_core/device/traffic.h"
#include "chitu_core/graph/layer_watch.h"
#include "chitu_core/io/picture/resize.h"
#include "pipelines/pictures/request_picture.h"
#include "pipelines/stages/check_finite.h"

namespace chitu::pipelines::wan {
namespace {

/// The pictures of a request, read anew: they must be what they were when it was checked.
std::vector<at::Tensor> read_pictures(const Request& request) {
  std::vector<at::Tensor> pictures;
  const auto read = [&](const char* key, const std::optional<std::string>& path,
                        const std::optional<std::string>& sha256) {
    if (path) pictures.push_back(read_request_picture(key, *path, sha256.value_or("")).pixels);
  };
  read("image", request.image, request.image_sha256);
  read("last_image", request.last_image, request.last_image_sha256);
  return pictures;
}

/// The images of a request in a dry run, which reads no files.
PreparedImages imagined_images(std::int64_t count, const Request& request,
                               const models::ClipImageProcessor* processor) {
  const auto options = at::TensorOptions().device(device::host());
  PreparedImages images;
  if (count == 0) return images;
  images.pictures = at::empty({count, request.height, request.width, 3}, options.dtype(at::kByte));
  if (!processor) return images;
  const auto [height, width] = *processor->result_size();
  images.pixel_values = at::empty({count, 3, height, width}, options.dtype(at::kFloat));
  return images;
}

/// One frame as the encoder takes it: [H, W, 3] float32 in -1..1, in the reference's order of
/// operations.
at::Tensor as_frame(const at::Tensor& picture) {
  return picture.to(at::kFloat).div_(255).mul_(2).sub_(1);
}

/// The clip that the encoder sees: the first picture, grey frames, and the last one if there are
/// two.
models::WanClip clip_of(const at::Tensor& pictures, std::int64_t frames, graph::Context& context) {
  const auto make = [pictures, frames](std::int64_t first, std::int64_t count) {
    const auto sizes = pictures.sizes();
    at::Tensor part =
        at::zeros({1, count, sizes[1], sizes[2], 3}, pictures.options().dtype(at::kFloat));
    if (first == 0) part[0][0].copy_(as_frame(pictures[0]));
    if (sizes[0] > 1 && first + count == frames) part[0][count - 1].copy_(as_frame(pictures[1]));
    return part;
  };
  return {frames, pictures.size(1), pictures.size(2), make, [&context] { context.check_stop(); }};
}

at::Tensor encode(const models::AutoencoderKLWanEncoder& vae, const models::WanClip& clip,
                  const memory::MemoryPlan& plan) {
  // Blended tiles are a way to decode; encoding has the exact ones.
  if (plan.vae_tiling == memory::VaeTiling::off) return vae.encode(clip);
  return vae.encode_exact_tiles(clip, plan.vae_tile_latents);
}

/// Which frames are given, [1, factor, F, H, W]: a latent frame has a channel for each of its
/// frames, all of them the first one for the first latent frame.
at::Tensor mask_of(const at::Tensor& latents, std::int64_t factor, bool has_last) {
  at::Tensor mask =
      at::zeros({1, factor, latents.size(2), latents.size(3), latents.size(4)}, latents.options());
  mask.select(2, 0).fill_(1);
  if (has_last) mask.select(2, latents.size(2) - 1).select(1, factor - 1).fill_(1);
  return mask;
}

/// A stored value holds something even for a request without pictures.
constexpr const char* kGiven = "given";

graph::StoredValue stored(const char* name, const at::Tensor& tensor) {
  graph::StoredValue value;
  value.add(name, tensor);
  return value;
}

}  // namespace

graph::StoredValue PreparedImages::to_stored() const {
  graph::StoredValue value = stored("pictures", pictures);
  value.add(kGiven, std::int64_t{pictures.defined()});
  value.add("pixel_values", pixel_values);
  return value;
}

PreparedImages PreparedImages::from_stored(const graph::StoredValue& value) {
  return {value.tensor_if_any("pictures"), value.tensor_if_any("pixel_values")};
}

graph::StoredValue ImageEmbeddings::to_stored() const { return stored("image_embeds", embeds); }

ImageEmbeddings ImageEmbeddings::from_stored(const graph::StoredValue& value) {
  return {value.tensor("image_embeds")};
}

graph::StoredValue ImageCondition::to_stored() const {
  graph::StoredValue value = stored("condition", condition);
  value.add(kGiven, std::int64_t{condition.defined()});
  return value;
}

ImageCondition ImageCondition::from_stored(const graph::StoredValue& value) {
  return {value.tensor_if_any("condition")};
}

graph::StoredValue WanConditions::to_stored() const {
  graph::StoredValue value = text.to_stored();
  value.add("image_embeds", image_embeds);
  value.add("condition", condition);
  return value;
}

WanConditions WanConditions::from_stored(const graph::StoredValue& value) {
  return {graph::TextEmbeddings::from_stored(value), value.tensor_if_any("image_embeds"),
          value.tensor_if_any("condition")};
}

PreparedImages PrepareImages::run(const Job& job, graph::Context&) const {
  const Request& request = job.request;
  if (device::in_dry_run())
    return imagined_images(picture_count(request, use), request, processor.get());
  std::vector<at::Tensor> pictures, pixel_values;
  for (const at::Tensor& picture : read_pictures(request)) {
    pictures.push_back(
        io::resize_picture(picture, request.height, request.width, io::Resampling::lanczos));
    if (processor) pixel_values.push_back(processor->pixel_values(picture));
  }
  PreparedImages images;
  if (!pictures.empty()) images.pictures = at::stack(pictures);
  if (!pixel_values.empty()) images.pixel_values = at::cat(pixel_values);
  return images;
}

ImageEmbeddings EncodeImage::run(const PreparedImages& images, graph::Context& context) const {
  return graph::sole_outcome(run_several({{images}}, context));
}

std::vector<graph::Outcome<ImageEmbeddings>> EncodeImage::run_several(
    const std::vector<graph::RunInputs<Inputs>>& runs, graph::Context& context) const {
  const memory::ComponentPlan& plan = context.plan.component(image_encoder->name());
  graph::LayerWatch layers(context, *image_encoder, 1);
  std::vector<at::Tensor> pixel_values;
  for (const auto& [images] : runs)
    pixel_values.push_back(device::move_to(images.pixel_values, plan.device));
  const auto advice = [&] { return dtype_advice(image_encoder->name(), plan, "infer.dtype"); };
  std::vector<graph::Outcome<ImageEmbeddings>> outcomes;
  for (const at::Tensor& hidden : image_encoder->model().forward(pixel_values, attention, &layers))
    outcomes.push_back(graph::outcome_of([&] {
      const at::Tensor embeds = hidden.flatten(0, 1).unsqueeze(0);
      check_finite(embeds, "the image embeddings", advice);
      context.keep("image_embeds", embeds);
      return ImageEmbeddings{embeds};
    }));
  return outcomes;
}

std::optional<ImageCondition> EncodeCondition::known(const PreparedImages& images, const Job&,
                                                     graph::Context&) const {
  if (images.pictures.defined()) return std::nullopt;
  return ImageCondition{};
}

ImageCondition EncodeCondition::run(const PreparedImages& images, const Job& job,
                                    graph::Context& context) const {
  const models::AutoencoderKLWanEncoder& vae = vae_encoder->model();
  const memory::ComponentPlan& plan = context.plan.component(vae_encoder->name());
  const std::int64_t frames = use.first_frame ? 1 : job.request.num_frames;
  const at::Tensor latents = encode(
      vae, clip_of(device::move_to(images.pictures, plan.device), frames, context), context.plan);
  check_finite(latents, "the encoded image",
               [&] { return dtype_advice(vae_encoder->name(), plan, "infer.vae_dtype"); });
  at::Tensor condition = latents;
  if (use.channels)
    condition =
        at::cat({mask_of(latents, vae.config().vae.temporal_factor(), images.pictures.size(0) > 1),
                 latents},
                1);
  context.keep("condition", condition);
  return {condition};
}

WanConditions JoinConditions::run(const graph::TextEmbeddings& text, const ImageCondition& image,
                                  graph::Context&) const {
  return {text, {}, image.condition};
}

WanConditions JoinImageConditions::run(const graph::TextEmbeddings& text,
                                       const ImageEmbeddings& image,
                                       const ImageCondition& condition, graph::Context&) const {
  return {text, image.embeds, condition.condition};
}

}  // namespace chitu::pipelines::wan
