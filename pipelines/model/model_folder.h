#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "chitu_core/io/json.h"
#include "pipelines/model/request.h"

namespace chitu::pipelines {

/// The Python class that model_index.json gives a component, and the library that it is of.
struct ComponentClass {
  std::string library;  ///< "diffusers"
  std::string name;     ///< "WanTransformer3DModel"; empty = saved without this component
};

/// A checkpoint in the diffusers layout: model_index.json and a folder for each component. As in
/// diffusers, model_index.json decides which class a component has; what a class name in the
/// component's own config says is noted in the log and counts for nothing.
struct ModelFolder {
  std::filesystem::path path;
  std::string class_name;                            ///< "WanPipeline"
  std::map<std::string, ComponentClass> components;  ///< by name: "transformer"

  /// Reads model_index.json.
  ///
  /// throws  InputError when the folder or the file is not there, or is not of this layout
  static ModelFolder open(const std::filesystem::path& path);

  /// Whether model_index.json has the component, and not as null.
  bool has(const std::string& name) const;
  /// The folder of a component.
  ///
  /// classes  of `library`, any of which will do
  /// throws   InputError when model_index.json has no such component, gives it a class that is none
  ///          of these, or the folder is missing
  std::filesystem::path component(const std::string& name, const std::string& library,
                                  const std::vector<std::string>& classes) const;
  /// A component's config without the keys that diffusers replaces by defaults
  /// (_use_default_values).
  ///
  /// throws  InputError when it cannot be read
  io::JsonObject config(const std::string& name, const std::string& file) const;

  /// `family` changed by what the optional generation_config.json of the checkpoint says.
  ///
  /// throws  InputError for a key or a value it cannot have
  RequestDefaults request_defaults(RequestDefaults family) const;
};

}  // namespace chitu::pipelines
