#pragma once

#include "chitu/request.h"
#include "pipelines/model/request.h"

namespace chitu::api {

/// `request`, with its empty fields filled in from `defaults`.
Request merged(const Request& request, const Request& defaults);

/// throws  InputError when there is no prompt
pipelines::PartialRequest to_partial(const Request& request);
Request from_partial(const pipelines::PartialRequest& request);
Request from_complete(const pipelines::Request& request);

}  // namespace chitu::api
