#pragma once

#include <string>

namespace chitu {

/// The vendor, model and features of the processor as a short text. Libraries choose their kernels
/// by these, so processors with the same text give the same bits. The name of the architecture when
/// it is not x86-64.
std::string cpu_model();

}  // namespace chitu
