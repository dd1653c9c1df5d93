#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "chitu_core/io/checkpoint.h"
#include "chitu_core/memory/module.h"
#include "pipelines/weights/naming.h"

namespace chitu::pipelines {

/// Opens the weights that the user gives for a component (`model.files`) and gives them the names
/// of its module. Of a file with several components, as ComfyUI's checkpoints are, it takes those
/// of the component.
///
/// component  its name: "transformer"
/// module     the component's, for names and shapes
/// throws     InputError in one line, naming the file: it cannot be read, has weights of another
///            model, lacks some, has more, or has other shapes than the config says
std::shared_ptr<const io::Checkpoint> open_component_weights(const std::filesystem::path& file,
                                                             const std::string& component,
                                                             const memory::Module& module,
                                                             const WeightNaming& naming);

}  // namespace chitu::pipelines
