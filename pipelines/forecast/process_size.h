#pragma once

#include <cstdint>

#include "chitu_core/memory/plan.h"

namespace chitu::pipelines {

/// The resident set of this process, to which a run adds its tensors. Where the host computes, the
/// libraries' kernels for these dtypes are called once before: their code is mapped on first use
/// and takes some 35 MiB. A video is written likewise: its libraries take some 7 MiB.
///
/// host_kernels  whether the arithmetic is the host's (ImitatedDevice::host_kernels)
std::int64_t process_size(const memory::PlanRequest& choices, bool host_kernels);

}  // namespace chitu::pipelines
