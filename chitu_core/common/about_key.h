#pragma once

#include <concepts>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>

#include "chitu_core/common/error.h"

namespace chitu {

/// Calls `work` and adds the key to its errors about input and files: "hydra.run.dir: /a/b: cannot
/// make the folder: Not a directory".
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
