#pragma once

#include <cstdint>

#include "chitu_core/memory/plan.h"

namespace chitu::pipelines {

/// The resident set of this process, to which a run adds its tensors. If the host computes, this
/// first calls the libraries' kernels for these dtypes: their code is mapped on first use and takes
/// about 35 MiB. It also writes a small video: those libraries take about 7 MiB.
///
/// host_kernels  whether the host computes (ImitatedDevice::host_kernels)
std::int64_t process_size(const memory::PlanRequest& choices, bool host_kernels);

}  // namespace chitu::pipelines
