#pragma once

namespace chitu::memory {

class Module;

/// Checks that every parameter of a module comes in with one unit: a layer, or all that stands
/// outside the layers.
///
/// throws  Error naming the parameter when it is registered twice or shares its name; when
///         Module::layers() has a layer under another name than the tree, one layer twice, or
///         leaves out a sibling of a layer, which would stay on the device unseen
void check_ownership(Module& module);

}  // namespace chitu::memory
