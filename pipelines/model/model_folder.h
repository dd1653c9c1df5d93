#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "chitu_core/io/json.h"
#include "pipelines/model/request.h"

namespace chitu::pipelines {

/// The Python class of a component in model_index.json, and its library.
struct ComponentClass {
  std::string library;  ///< "diffusers"
  std::string name;     ///< "WanTransformer3DModel"; empty = saved without this component
};

/// The file that makes a folder a checkpoint.
inline constexpr const char* kModelIndex = "model_index.json";

/// A checkpoint in the diffusers layout: model_index.json and one folder per component. As in
/// diffusers, model_index.json decides the class of a component; a class name in the component's
/// own config that differs is logged and ignored.
struct ModelFolder {
  std::filesystem::path path;
  std::string class_name;                            ///< "WanPipeline"
  std::map<std::string, ComponentClass> components;  ///< by name: "transformer"
  ModelFiles files{};                                ///< instead of those in the folder
  ModelDefaults model_defaults{};                    ///< before generation_config.json

  /// Reads model_index.json.
  ///
  /// throws  InputError if the folder or the file is missing, or the layout is another one; naming
  ///         the key for a file of a component that the checkpoint does not have, or that is not
  ///         there
  static ModelFolder open(const std::filesystem::path& path, const ModelFiles& files = {});

  /// Whether model_index.json has the component with a class.
  bool has(const std::string& name) const;
  /// Everything that model_index.json says.
  ///
  /// throws  InputError when it cannot be read
  io::JsonObject index() const { return io::JsonObject::read(path / kModelIndex); }
  /// The folder of a component.
  ///
  /// classes  of `library`; each of them is accepted
  /// throws   InputError if model_index.json has no such component or gives it another class, or if
  ///          the folder is missing
  std::filesystem::path component(const std::string& name, const std::string& library,
                                  const std::vector<std::string>& classes) const;
  /// A component's config without the keys that diffusers replaces by defaults
  /// (_use_default_values).
  ///
  /// throws  InputError when model_index.json does not have the component, or the config cannot be
  /// read
  io::JsonObject config(const std::string& name, const std::string& file) const;

  /// `family` with the values of the checkpoint's optional generation_config.json.
  ///
  /// throws  InputError for an unknown key or a wrong value
  RequestDefaults request_defaults(RequestDefaults family) const;
};

}  // namespace chitu::pipelines
