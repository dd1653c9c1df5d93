#include "pipelines/model/request_json.h"

#include <nlohmann/json.hpp>

namespace chitu::pipelines {
namespace {

nlohmann::json number_or_null(const std::optional<double>& number) {
  return number ? nlohmann::json(*number) : nlohmann::json();
}

}  // namespace

nlohmann::json to_json(const Request& request) {
  return {{"prompt", request.prompt},
          {"negative_prompt", request.negative_prompt},
          {"width", request.width},
          {"height", request.height},
          {"num_frames", request.num_frames},
          {"num_inference_steps", request.num_inference_steps},
          {"guidance_scale", request.guidance_scale},
          {"guidance_scale_2", number_or_null(request.guidance_scale_2)},
          {"seed", request.seed},
          {"fps", request.fps},
          {"max_sequence_length", request.max_sequence_length},
          {"flow_shift", number_or_null(request.flow_shift)}};
}

}  // namespace chitu::pipelines
