#pragma once

#include <nlohmann/json_fwd.hpp>

#include "pipelines/model/request.h"

namespace chitu::pipelines {

/// A request as in metrics.json and in `chitu plan --format json`.
nlohmann::json to_json(const Request& request);

}  // namespace chitu::pipelines
