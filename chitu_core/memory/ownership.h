#pragma once

namespace chitu::memory {

class Module;

/// Checks that every parameter of a module belongs to exactly one unit: a layer, or the weights
/// outside the layers.
///
/// throws  Error naming the parameter if it is registered twice or two have the same name; if
///         Module::layers() has a layer under another name than the tree, has a layer twice, or
///         leaves out a sibling of a layer, which would then always stay on the device
void check_ownership(Module& module);

}  // namespace chitu::memory
