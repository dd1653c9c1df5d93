#pragma once

#include <optional>

namespace chitu {

/// Whether a type is a std::optional.
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

}  // namespace chitu
