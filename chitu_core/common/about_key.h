#pragma once

#include <concepts>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>

#include "chitu_core/common/error.h"

namespace chitu {

/// Calls `work`; a mistake in the input, or an error of the file system, is told with the key that
/// led there: "hydra.run.dir: /a/b: cannot make the folder: Not a directory".
template <std::invocable Work>
std::invoke_result_t<Work> about_key(const std::string& key, Work&& work) {
  try {
    return std::invoke(std::forward<Work>(work));
  } catch (const InputError& error) {
    throw InputError(key + ": " + explain(error));
  } catch (const std::filesystem::filesystem_error& error) {
    throw InputError(key + ": " + explain(error));
  }
}

}  // namespace chitu
