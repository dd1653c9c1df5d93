#include "chitu_core/device/sim/dry_run_shapes.h"

#include <ATen/ATen.h>
#include <ATen/ExpandUtils.h>

#include <functional>
#include <map>
#include <string_view>
#include <vector>

namespace chitu::device::sim {
namespace {

/// The arguments of a call, first to last.
using Arguments = at::ArrayRef<c10::IValue>;

at::Tensor empty_on_meta(at::IntArrayRef sizes, const at::Tensor& like,
                         at::MemoryFormat format = at::MemoryFormat::Contiguous) {
  return at::empty(sizes, at::TensorOptions().device(at::kMeta).dtype(like.scalar_type()), format);
}

c10::IValue layer_norm(Arguments arguments) {
  const at::Tensor x = arguments[0].toTensor();
  return empty_on_meta(x.sizes(), x);
}

/// [B, heads, L, D] with the memory layout [B, L, heads, D] of the CPU's fused kernel.
c10::IValue attention(Arguments arguments) {
  const at::Tensor q = arguments[0].toTensor(), v = arguments[2].toTensor();
  return empty_on_meta({q.size(0), q.size(2), q.size(1), v.size(3)}, q).transpose(1, 2);
}

c10::IValue onednn_linear(Arguments arguments) {
  const at::Tensor x = arguments[0].toTensor();
  std::vector<std::int64_t> sizes = x.sizes().vec();
  sizes.back() = arguments[1].toTensor().size(0);
  return empty_on_meta(sizes, x);
}

c10::IValue index_select(Arguments arguments) {
  const at::Tensor x = arguments[0].toTensor(), index = arguments[2].toTensor();
  std::vector<std::int64_t> sizes = x.sizes().vec();
  sizes[static_cast<std::size_t>(arguments[1].toInt())] = index.numel();
  return empty_on_meta(sizes, x);
}

c10::IValue where(Arguments arguments) {
  const at::Tensor condition = arguments[0].toTensor();
  const at::Tensor a = arguments[1].toTensor(), b = arguments[2].toTensor();
  const auto sizes = at::infer_size(condition.sizes(), at::infer_size(a.sizes(), b.sizes()));
  return at::empty(sizes, at::TensorOptions().device(at::kMeta).dtype(at::result_type(a, b)));
}

/// Positions of a convolution's arguments: mkldnn_convolution has padding before stride.
struct ConvolutionArguments {
  std::size_t stride, padding, dilation;
};

c10::IValue convolution(Arguments arguments, const ConvolutionArguments& at_index) {
  const at::Tensor x = arguments[0].toTensor(), weight = arguments[1].toTensor();
  const auto stride = arguments[at_index.stride].toIntVector();
  const auto padding = arguments[at_index.padding].toIntVector();
  const auto dilation = arguments[at_index.dilation].toIntVector();
  std::vector<std::int64_t> sizes{x.size(0), weight.size(0)};
  for (std::size_t d = 0; d < stride.size(); ++d) {
    const auto dim = static_cast<std::int64_t>(d) + 2;
    const std::int64_t reach = dilation[d] * (weight.size(dim) - 1) + 1;
    sizes.push_back((x.size(dim) + 2 * padding[d] - reach) / stride[d] + 1);
  }
  const auto last =
      x.dim() == 5 ? at::MemoryFormat::ChannelsLast3d : at::MemoryFormat::ChannelsLast;
  const bool channels_last =
      x.suggest_memory_format() == last || weight.suggest_memory_format() == last;
  return empty_on_meta(sizes, x, channels_last ? last : at::MemoryFormat::Contiguous);
}

c10::IValue plain_convolution(Arguments arguments) { return convolution(arguments, {3, 4, 5}); }
c10::IValue mkldnn_convolution(Arguments arguments) { return convolution(arguments, {4, 3, 5}); }

/// An elementwise operator of one tensor that writes into its last argument.
c10::IValue unary_out(Arguments arguments) {
  const at::Tensor out = arguments.back().toTensor();
  out.resize_(arguments[0].toTensor().sizes());
  return out;
}

using Shape = c10::IValue (*)(Arguments);

const std::map<std::string_view, Shape>& known_shapes() {
  static const std::map<std::string_view, Shape> shapes{
      {"aten::layer_norm", &layer_norm},
      {"aten::scaled_dot_product_attention", &attention},
      {"mkldnn::_linear_pointwise", &onednn_linear},
      {"aten::index_select", &index_select},
      {"aten::where", &where},
      {"aten::abs", &unary_out},
      {"aten::complex", &unary_out},  // of tensors of one shape
      {"aten::convolution", &plain_convolution},
      {"aten::mkldnn_convolution", &mkldnn_convolution}};
  return shapes;
}

Arguments arguments_of(const torch::jit::Stack& stack, std::size_t count) {
  return Arguments(stack).slice(stack.size() - count);
}

double numel(const c10::IValue& value) { return static_cast<double>(value.toTensor().numel()); }
double size(const c10::IValue& value, std::int64_t dim) {
  return static_cast<double>(value.toTensor().size(dim));
}

/// A product of x [..., in] and a matrix with `out` columns.
double product_flops(Arguments a, std::size_t x, double out) { return 2 * numel(a[x]) * out; }

double convolution_flops(Arguments a, double output) {
  return 2 * output * numel(a[1]) / size(a[1], 0);
}

using Flops = double (*)(Arguments);

const std::map<std::string_view, Flops>& known_flops() {
  static const std::map<std::string_view, Flops> flops{
      {"aten::linear", [](Arguments a) { return product_flops(a, 0, size(a[1], 0)); }},
      {"mkldnn::_linear_pointwise", [](Arguments a) { return product_flops(a, 0, size(a[1], 0)); }},
      {"aten::matmul", [](Arguments a) { return product_flops(a, 0, size(a[1], -1)); }},
      {"aten::mm", [](Arguments a) { return product_flops(a, 0, size(a[1], -1)); }},
      {"aten::bmm", [](Arguments a) { return product_flops(a, 0, size(a[1], -1)); }},
      {"aten::addmm", [](Arguments a) { return product_flops(a, 1, size(a[2], -1)); }},
      {"aten::scaled_dot_product_attention",
       [](Arguments a) {
         return 2 * numel(a[0]) * size(a[1], 2) + 2 * size(a[0], 2) * numel(a[2]);
       }},
      {"aten::convolution",
       [](Arguments a) { return convolution_flops(a, numel(plain_convolution(a))); }},
      {"aten::mkldnn_convolution",
       [](Arguments a) { return convolution_flops(a, numel(mkldnn_convolution(a))); }}};
  return flops;
}

}  // namespace

bool has_known_shape(const std::string& op) { return known_shapes().count(op) > 0; }
bool has_flops(const std::string& op) { return known_flops().count(op) > 0; }

bool run_known_shape(const std::string& op, torch::jit::Stack* stack, std::size_t arguments) {
  const auto known = known_shapes().find(op);
  if (known == known_shapes().end()) return false;
  c10::IValue result = known->second(arguments_of(*stack, arguments));
  torch::jit::drop(*stack, arguments);
  stack->push_back(std::move(result));
  return true;
}

double flops_of(const std::string& op, const torch::jit::Stack& stack, std::size_t arguments) {
  const auto known = known_flops().find(op);
  return known == known_flops().end() ? 0.0 : known->second(arguments_of(stack, arguments));
}

}  // namespace chitu::device::sim
