#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "chitu_core/common/error.h"

namespace chitu::pipelines {

/// The media are saved, but a file beside them could not be written. what() names the key that
/// asked for it.
class SideOutputError : public InputError {
 public:
  SideOutputError(const std::string& text, std::vector<std::filesystem::path> saved)
      : InputError(text), saved_(std::move(saved)) {}
  const std::vector<std::filesystem::path>& saved() const { return saved_; }

 private:
  std::vector<std::filesystem::path> saved_;
};

}  // namespace chitu::pipelines
