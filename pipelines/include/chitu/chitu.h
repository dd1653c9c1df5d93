#pragma once

/// The C++ API of chitu: compose a configuration, open an engine, generate videos. These headers
/// need nothing but the standard library: neither libtorch nor any other package. Extensions have
/// headers of their own: strategy.h, scheduler.h, attention.h, stage.h and family.h.

#include "chitu/config.h"       // IWYU pragma: export
#include "chitu/engine.h"       // IWYU pragma: export
#include "chitu/errors.h"       // IWYU pragma: export
#include "chitu/log.h"          // IWYU pragma: export
#include "chitu/request.h"      // IWYU pragma: export
#include "chitu/run_options.h"  // IWYU pragma: export
#include "chitu/version.h"      // IWYU pragma: export
#include "chitu/video.h"        // IWYU pragma: export
