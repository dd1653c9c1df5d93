#pragma once

#include <nlohmann/json_fwd.hpp>

#include "pipelines/model/request.h"

namespace chitu::pipelines {

/// A request as in metrics.json and in `chitu plan --format json`.
nlohmann::json to_json(const Request& request);

/// throws  InputError naming the field that is missing, unknown or of another type
Request request_from_json(const nlohmann::json& json);

}  // namespace chitu::pipelines
