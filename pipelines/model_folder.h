#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "pipelines/request.h"

namespace chitu::pipelines {

/// A checkpoint in the diffusers layout: model_index.json and a folder for each component.
struct ModelFolder {
  std::filesystem::path path;
  std::string class_name;                         ///< "WanPipeline"
  std::map<std::string, std::string> components;  ///< name to class: transformer to Wan...

  /// Reads model_index.json.
  ///
  /// throws  InputError when the folder or the file is not there, or is not of this layout
  static ModelFolder open(const std::filesystem::path& path);

  /// The folder of a component.
  ///
  /// throws  InputError when model_index.json has no such component, gives it another class than
  ///         the one expected, or the folder is missing
  std::filesystem::path component(const std::string& name, const std::string& expected_class) const;

  /// `family` changed by what the optional generation_config.json of the checkpoint says.
  ///
  /// throws  InputError for a key or a value it cannot have
  RequestDefaults request_defaults(RequestDefaults family) const;
};

}  // namespace chitu::pipelines
