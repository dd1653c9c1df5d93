#pragma once

#include <ATen/core/Tensor.h>

#include <concepts>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chitu::graph {

/// What a value of a graph is on disk: named tensors, and texts for what is no tensor. It is what
/// a safetensors file holds.
struct StoredValue {
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  std::map<std::string, std::string> texts;

  /// throws  InputError naming what is missing
  const at::Tensor& tensor(std::string_view name) const;
  const std::string& text(std::string_view name) const;
  std::int64_t number(std::string_view name) const;
  /// Undefined where there is none of this name.
  at::Tensor tensor_if_any(std::string_view name) const;

  /// Adds a tensor that is defined; leaves one out that is not.
  void add(std::string name, const at::Tensor& tensor);
  void add(std::string name, std::int64_t number);

  /// Adds all of another, with a prefix before its names.
  void add_all(const std::string& prefix, const StoredValue& other);
  /// What add_all() has added under this prefix.
  StoredValue part(const std::string& prefix) const;
};

/// A value that can wait on disk between two stages. What from_stored() gives has the bits of the
/// value that was stored; its tensors may be on another device.
template <class T>
concept StorableValue = requires(const T& value, const StoredValue& stored) {
  { value.to_stored() } -> std::same_as<StoredValue>;
  { T::from_stored(stored) } -> std::same_as<T>;
};

}  // namespace chitu::graph
