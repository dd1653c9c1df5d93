#pragma once

#include <exception>
#include <functional>
#include <string>

#include "pipelines/model/request.h"

namespace chitu::pipelines {

/// What a user may do about an error of a request; "" = nothing more.
using Advice = std::function<std::string(const Request&, const std::exception&)>;

/// The error with its advice.
///
/// advice  may be empty
std::exception_ptr advised_error(const std::exception_ptr& error, const Request& request,
                                 const Advice& advice);

}  // namespace chitu::pipelines
