#pragma once

#include <string>

namespace chitu {

/// The processor's vendor, model and features as one short text. Libraries choose their kernels by
/// these, so two processors of the same text give the same bits. The architecture's name where it
/// has no such register.
std::string cpu_model();

}  // namespace chitu
