#pragma once

#include "chitu_core/common/error.h"
#include "chitu_core/common/system_limits.h"
#include "chitu_core/config/value/error.h"
#include "pipelines/side_output_error.h"

/// What functions of chitu throw. what() is one line: what is wrong, where, and the nearest value
/// that works.
///
///     std::runtime_error
///     └ chitu::Error              base of all; by itself: a failure of no other kind
///       ├ chitu::InputError       a key, a request, a checkpoint or a file is wrong
///       │ ├ chitu::ConfigError    in YAML or an override; begins with file:line or the override
///       │ │ └ chitu::ConfigErrors several at once, a line each; mistakes() lists them
///       │ └ chitu::SideOutputError  the media are saved, something beside them is not
///       ├ chitu::OutOfMemoryError the device has too little memory; says what would fit
///       ├ chitu::SystemLimitError the system has no more threads, memory or open files
///       ├ chitu::ShapeError       a tensor that an extension made has another shape than expected
///       └ chitu::Interrupted      the run was cancelled
///
/// Functions throw nothing else, with two exceptions: what a callback of the program throws leaves
/// generate() unchanged, and any function may throw std::bad_alloc.
namespace chitu {

using config::ConfigError;
using config::ConfigErrors;
using pipelines::SideOutputError;

}  // namespace chitu
