#include "chitu_core/graph/stored_value.h"

#include <algorithm>

#include "chitu_core/common/error.h"
#include "chitu_core/common/parse_number.h"

namespace chitu::graph {
namespace {

InputError missing(const char* kind, std::string_view name) {
  return InputError(std::string(kind) + " \"" + std::string(name) + "\" is missing");
}

}  // namespace

at::Tensor StoredValue::tensor_if_any(std::string_view name) const {
  const auto found =
      std::ranges::find_if(tensors, [&](const auto& entry) { return entry.first == name; });
  return found == tensors.end() ? at::Tensor() : found->second;
}

const at::Tensor& StoredValue::tensor(std::string_view name) const {
  for (const auto& [known, tensor] : tensors)
    if (known == name) return tensor;
  throw missing("the tensor", name);
}

const std::string& StoredValue::text(std::string_view name) const {
  const auto found = texts.find(std::string(name));
  if (found == texts.end()) throw missing("the entry", name);
  return found->second;
}

std::int64_t StoredValue::number(std::string_view name) const {
  const std::string& digits = text(name);
  if (const auto number = parse_number<std::int64_t>(digits)) return *number;
  throw InputError("the entry \"" + std::string(name) + "\": expected a number, got \"" + digits +
                   "\"");
}

void StoredValue::add(std::string name, const at::Tensor& tensor) {
  if (tensor.defined()) tensors.emplace_back(std::move(name), tensor);
}

void StoredValue::add(std::string name, std::int64_t number) {
  texts.emplace(std::move(name), std::to_string(number));
}

void StoredValue::add_all(const std::string& prefix, const StoredValue& other) {
  for (const auto& [name, tensor] : other.tensors) tensors.emplace_back(prefix + name, tensor);
  for (const auto& [name, text] : other.texts) texts.emplace(prefix + name, text);
}

StoredValue StoredValue::part(const std::string& prefix) const {
  StoredValue part;
  for (const auto& [name, tensor] : tensors)
    if (name.starts_with(prefix)) part.tensors.emplace_back(name.substr(prefix.size()), tensor);
  for (const auto& [name, text] : texts)
    if (name.starts_with(prefix)) part.texts.emplace(name.substr(prefix.size()), text);
  return part;
}

}  // namespace chitu::graph
