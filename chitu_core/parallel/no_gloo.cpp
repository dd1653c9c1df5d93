#include "chitu_core/common/error.h"
#include "chitu_core/parallel/gloo_communicator.h"

namespace chitu::parallel {

bool has_gloo() { return false; }

std::unique_ptr<Transport> connect_gloo(Store&, int, int, const std::string&, Monitor&) {
  throw InputError(
      "this build of chitu has no transport between ranks: build it with the headers of gloo "
      "(libgloo-dev)");
}

}  // namespace chitu::parallel
