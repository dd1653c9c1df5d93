#pragma once

#include "chitu_core/config/bind/binder.h"
#include "chitu_core/config/compose/compose.h"

/// The configuration engine by itself: composes any tree of YAML files as Hydra does and binds it
/// to structs (component `config` of the package; needs no libtorch).
///
///     chitu::config::ComposeRequest request;
///     request.search_path.push_back({"conf"});
///     request.config_name = "train";
///     const auto composed = chitu::config::compose(request);
///     const auto training = chitu::config::read<Training>(composed.view());
///
/// A struct is bound by a member `void bind(chitu::config::Binder& binder)` that declares its
/// fields. Composing and binding are safe from several threads.
namespace chitu::config {}
