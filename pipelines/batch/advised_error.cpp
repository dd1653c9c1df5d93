#include "pipelines/batch/advised_error.h"

#include "chitu_core/common/error.h"

namespace chitu::pipelines {

std::exception_ptr advised_error(const std::exception_ptr& error, const Request& request,
                                 const Advice& advice) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& thrown) {
    const std::string more = advice ? advice(request, thrown) : "";
    return more.empty() ? error
                        : std::make_exception_ptr(OutOfMemoryError(explain(thrown) + "; " + more));
  }
}

}  // namespace chitu::pipelines
