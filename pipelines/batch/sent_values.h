#pragma once

#include <string>

#include "chitu_core/graph/stored_value.h"

namespace chitu::parallel {
class Communicator;
}

namespace chitu::pipelines {

/// The names, dtypes and shapes of values, and their texts; and back, the tensors on the meta
/// device.
std::string shapes_text(const graph::StoredValue& values);
graph::StoredValue shapes_from(const std::string& text);

/// The values of rank 0, on all ranks of the group; their tensors on the host.
///
/// values  read on rank 0 alone; tensors on the host
graph::StoredValue broadcast_values(parallel::Communicator& ranks,
                                    const graph::StoredValue& values);

}  // namespace chitu::pipelines
