#include "chitu_core/graph/context.h"

#include "chitu_core/common/error.h"
#include "chitu_core/graph/tensor_dump.h"

namespace chitu::graph {

void Context::check_stop() const {
  if (stop.stop_requested()) throw Interrupted("interrupted");
}

void Context::keep(std::string_view name, const at::Tensor& tensor) const {
  if (dump) dump->put(name, tensor);
}

void Context::write_aside(const std::string& key, const std::function<void()>& write) {
  try {
    write();
  } catch (const Interrupted&) {
    throw;
  } catch (const std::exception& error) {
    const std::string text = explain(error);
    // An error for one prompt would repeat for the next.
    for (const std::string& known : failed_outputs)
      if (known.starts_with(key)) return;
    failed_outputs.push_back(text.starts_with(key) ? text : key + ": " + text);
  }
}

}  // namespace chitu::graph
