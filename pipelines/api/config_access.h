#pragma once

#include "chitu/config.h"
#include "pipelines/settings/settings.h"

namespace chitu {

/// What an engine reads from a Config.
struct ConfigAccess {
  static Config compose(const ComposeOptions& options);
  /// The configuration bound to structs; the prompt is empty where the configuration has none.
  ///
  /// throws  ConfigErrors
  static pipelines::Settings settings(const Config& config);
  static bool has_prompt(const Config& config);
};

}  // namespace chitu
