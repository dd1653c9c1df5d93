#include "chitu_core/memory/module.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <numeric>

#include "chitu_core/device/dry_run_repeats.h"
#include "chitu_core/io/encoding.h"

namespace chitu::memory {

at::ScalarType compute_dtype(Precision precision, at::ScalarType chosen) {
  const bool widened = precision == Precision::float32 ||
                       (precision == Precision::not_float16 && chosen == at::kHalf);
  return widened ? at::kFloat : chosen;
}

std::int64_t Parameter::numel() const {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

namespace {

/// Most values that are decoded at once: 16 MiB of float32.
constexpr std::int64_t kDecodedValues = 1 << 22;

std::int64_t columns_of(const Parameter& parameter) {
  return parameter.rows() == 0 ? 0 : parameter.numel() / parameter.rows();
}

}  // namespace

std::int64_t Parameter::stored_bytes() const {
  if (encoding) return rows() * encoding->row_bytes(columns_of(*this));
  return numel() * static_cast<std::int64_t>(at::elementSize(stored));
}

std::vector<std::int64_t> Parameter::stored_shape(std::int64_t of_rows) const {
  if (encoding) return {of_rows, encoding->row_bytes(columns_of(*this))};
  std::vector<std::int64_t> sizes = shape;
  if (!sizes.empty()) sizes.front() = of_rows;
  return sizes;
}

at::Tensor Parameter::decoded_rows(const at::Tensor& bytes) const {
  at::Tensor values = at::empty({bytes.size(0), columns_of(*this)}, bytes.options().dtype(dtype));
  const std::int64_t at_once =
      std::max<std::int64_t>(1, kDecodedValues / std::max<std::int64_t>(1, values.size(1)));
  device::for_runs(bytes.size(0), at_once, [&](std::int64_t first, std::int64_t count) {
    at::Tensor run = values.narrow(0, first, count);
    encoding->decode(bytes.narrow(0, first, count), run);
  });
  return values;
}

at::Tensor Parameter::for_use() const {
  if (encoding) return decoded_rows(tensor).view(shape);
  return c10::isFloat8Type(tensor.scalar_type()) ? tensor.to(dtype) : tensor;
}

Module::~Module() = default;

void Module::visit(const std::string& prefix,
                   const std::function<void(const std::string&, Parameter&)>& visit) {
  for (auto& [name, parameter] : parameters_) visit(prefix + name, *parameter);
  for (auto& [name, child] : children_) child->visit(prefix + name + ".", visit);
}

void Module::visit_parameters(const std::function<void(const std::string&, Parameter&)>& visit) {
  this->visit("", visit);
}

void Module::visit_parameters(
    const std::function<void(const std::string&, const Parameter&)>& visit) const {
  const_cast<Module*>(this)->visit("", visit);
}

namespace {

std::string encoding_name(const Parameter& parameter) {
  return parameter.encoding ? parameter.encoding->name() : "";
}

bool alike(const Parameter& a, const Parameter& b) {
  return a.shape == b.shape && a.precision == b.precision && a.memory_format == b.memory_format &&
         a.gathered == b.gathered && a.dtype == b.dtype && a.cast_for_use == b.cast_for_use &&
         a.stored == b.stored && a.stored_bytes() == b.stored_bytes() &&
         encoding_name(a) == encoding_name(b);
}

}  // namespace

bool Module::is_like(const Module& other) const {
  const auto same = [](const auto& mine, const auto& others, const auto& alike) {
    return std::equal(mine.begin(), mine.end(), others.begin(), others.end(),
                      [&](const auto& a, const auto& b) {
                        return a.first == b.first && alike(*a.second, *b.second);
                      });
  };
  return same(parameters_, other.parameters_, alike) &&
         same(children_, other.children_,
              [](const Module& a, const Module& b) { return a.is_like(b); });
}

std::int64_t Module::parameter_count() const {
  std::int64_t count = 0;
  visit_parameters([&](const std::string&, const Parameter& p) { count += p.numel(); });
  return count;
}

std::int64_t Module::bound_bytes() const {
  std::int64_t bytes = 0;
  visit_parameters([&](const std::string&, const Parameter& p) {
    if (p.tensor.defined()) bytes += static_cast<std::int64_t>(p.tensor.nbytes());
  });
  return bytes;
}

bool Module::add_low_rank(std::int64_t) { return false; }

void Module::unbind() noexcept {
  visit_parameters([](const std::string&, Parameter& p) { p.tensor.reset(); });
}

Parameter& Module::add_parameter(std::string name, std::vector<std::int64_t> shape,
                                 Precision precision) {
  parameters_.emplace_back(
      std::move(name),
      std::make_unique<Parameter>(Parameter{.shape = std::move(shape), .precision = precision}));
  return *parameters_.back().second;
}

void Module::add_child(std::string name, Module& child) {
  children_.emplace_back(std::move(name), &child);
}

}  // namespace chitu::memory
