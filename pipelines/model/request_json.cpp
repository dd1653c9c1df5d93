#include "pipelines/model/request_json.h"

#include <nlohmann/json.hpp>

namespace chitu::pipelines {

nlohmann::json to_json(const Request& request) {
  return {
      {"prompt", request.prompt},
      {"negative_prompt", request.negative_prompt},
      {"width", request.width},
      {"height", request.height},
      {"num_frames", request.num_frames},
      {"num_inference_steps", request.num_inference_steps},
      {"guidance_scale", request.guidance_scale},
      {"seed", request.seed},
      {"fps", request.fps},
      {"max_sequence_length", request.max_sequence_length},
      {"flow_shift", request.flow_shift ? nlohmann::json(*request.flow_shift) : nlohmann::json()}};
}

}  // namespace chitu::pipelines
