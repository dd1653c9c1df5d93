#include "chitu_core/pipeline/context.h"

#include "chitu_core/common/error.h"
#include "chitu_core/pipeline/tensor_dump.h"

namespace chitu::pipeline {

void Context::check_stop() const {
  if (stop.stop_requested()) throw Interrupted("interrupted");
}

void Context::keep(std::string_view name, const at::Tensor& tensor) const {
  if (dump) dump->put(name, tensor);
}

}  // namespace chitu::pipeline
