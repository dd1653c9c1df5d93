#include "pipelines/api/requests.h"

#include "chitu_core/common/error.h"
#include "chitu_core/common/is_optional.h"

namespace chitu::api {
namespace {

/// Calls visit(field of a, field of b) for each field.
void visit_fields(auto& a, auto& b, const auto& visit) {
  visit(a.prompt, b.prompt);
  visit(a.negative_prompt, b.negative_prompt);
  visit(a.width, b.width);
  visit(a.height, b.height);
  visit(a.num_frames, b.num_frames);
  visit(a.num_inference_steps, b.num_inference_steps);
  visit(a.guidance_scale, b.guidance_scale);
  visit(a.guidance_scale_2, b.guidance_scale_2);
  visit(a.seed, b.seed);
  visit(a.fps, b.fps);
  visit(a.max_sequence_length, b.max_sequence_length);
  visit(a.flow_shift, b.flow_shift);
  visit(a.image, b.image);
  visit(a.image_sha256, b.image_sha256);
  visit(a.last_image, b.last_image);
  visit(a.last_image_sha256, b.last_image_sha256);
  visit(a.loras, b.loras);
  visit(a.flexcache, b.flexcache);
  visit(a.flexcache_params, b.flexcache_params);
}

/// Where a field of `from` is empty, that of `to` stays.
constexpr auto kAssign = [](auto& to, const auto& from) {
  using To = std::remove_reference_t<decltype(to)>;
  using From = std::remove_cvref_t<decltype(from)>;
  if constexpr (is_optional<From> && !is_optional<To>) {
    if (from) to = *from;
  } else {
    to = from;
  }
};

}  // namespace

Request merged(const Request& request, const Request& defaults) {
  Request all = defaults;
  visit_fields(all, request, [](auto& to, const auto& from) {
    if (from) to = from;
  });
  return all;
}

pipelines::PartialRequest to_partial(const Request& request) {
  if (!request.prompt) throw InputError("request.prompt: is missing, expected a text");
  pipelines::PartialRequest partial;
  visit_fields(partial, request, kAssign);
  return partial;
}

Request from_partial(const pipelines::PartialRequest& partial) {
  Request request;
  visit_fields(request, partial, kAssign);
  return request;
}

Request from_complete(const pipelines::Request& completed) {
  Request request;
  visit_fields(request, completed, kAssign);
  return request;
}

}  // namespace chitu::api
