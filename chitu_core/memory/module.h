#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chitu::io {
class Encoding;
}

namespace chitu::memory {

/// Which dtype a weight computes in.
enum class Precision {
  follow,   ///< the dtype that the user chose for the component
  float32,  ///< always float32, as in the reference
  /// Float32 if the user chose float16, whose range is too small for it; else the chosen dtype.
  not_float16,
};

/// The dtype of a weight with this precision if the user chose `chosen`.
at::ScalarType compute_dtype(Precision precision, at::ScalarType chosen);

/// One weight of a module. The shape is known from the config before any file is opened; the tensor
/// is bound when the module is onloaded and dropped when it is offloaded.
struct Parameter {
  std::vector<std::int64_t> shape;
  Precision precision = Precision::follow;
  /// Of the bound tensor; convolutions may need ChannelsLast or ChannelsLast3d.
  at::MemoryFormat memory_format = at::MemoryFormat::Contiguous;
  at::Tensor tensor{};  ///< undefined while the module is offloaded
  /// A table of which a pass reads only a few rows. While its module is streamed it stays in the
  /// file, and the rows are gathered on the host.
  bool gathered = false;
  at::ScalarType dtype = at::kFloat;  ///< for computation, once bound
  /// Its users cast it to `dtype` for each use, so within a layer it may be stored in a narrower
  /// dtype.
  bool cast_for_use = false;
  at::ScalarType stored = at::kFloat;  ///< of the bound tensor: `dtype`, or narrower

  /// Its users take single rows of it, or cast it for each use: it may stay encoded.
  bool decoded_for_use() const { return cast_for_use || is_table; }
  bool is_table = false;  ///< its users take rows by index
  /// Of the bound tensor, which is then uint8 [rows, bytes of a row]; null: it has plain values.
  std::shared_ptr<const io::Encoding> encoding{};

  bool added = false;  ///< by a LoRA: the checkpoint has no such tensor

  /// Full name of another tensor that takes precedence over the one of this name if the checkpoint
  /// has it. Empty = none.
  std::string overriding_name{};

  std::int64_t numel() const;
  /// Of the first dimension; 1 for a scalar.
  std::int64_t rows() const { return shape.empty() ? 1 : shape.front(); }
  /// Bytes of the bound tensor.
  std::int64_t stored_bytes() const;
  /// Shape of a tensor with so many rows in the form of the bound one.
  std::vector<std::int64_t> stored_shape(std::int64_t of_rows) const;
  std::vector<std::int64_t> stored_shape() const { return stored_shape(rows()); }
  /// The bound tensor in the dtype for computation: itself, or a temporary copy. Encoded weights
  /// are decoded in runs of rows, so that little more than the copy is on the device.
  at::Tensor for_use() const;
  /// The rows of an encoded table: float values [n, columns] of uint8 [n, bytes of a row].
  at::Tensor decoded_rows(const at::Tensor& bytes) const;
};

/// "[5120, 64]".
std::string shape_text(const std::vector<std::int64_t>& shape);

/// A tree of weights, named as in the published checkpoint. Building one allocates no weights, so a
/// 14B model can be built, counted and dry-run on any machine. Forward functions are members of the
/// derived classes; they read `parameter.tensor` and never write it.
///
///     class Linear : public memory::Module {
///      public:
///       Linear(std::int64_t in, std::int64_t out)
///           : weight_(add_parameter("weight", {out, in})), bias_(add_parameter("bias", {out})) {}
///       at::Tensor forward(const at::Tensor& x) const { ... weight_.tensor ... }
///      private:
///       Parameter& weight_;
///       Parameter& bias_;
///     };
///
/// A parent registers its members in its constructor: `add_child("to_q", to_q_)`.
class Module {
 public:
  Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;
  virtual ~Module();

  /// Calls visit(full_name, parameter) for every parameter of the tree in the order of declaration.
  void visit_parameters(const std::function<void(const std::string&, Parameter&)>& visit);
  void visit_parameters(
      const std::function<void(const std::string&, const Parameter&)>& visit) const;

  /// Direct children by name, in the order of declaration.
  const std::vector<std::pair<std::string, Module*>>& children() const { return children_; }

  /// Whether the other has the same tree: names, shapes, dtypes and memory formats.
  bool is_like(const Module& other) const;

  /// Elements of all parameters of the tree.
  std::int64_t parameter_count() const;
  /// Bytes of the tensors that are bound now.
  std::int64_t bound_bytes() const;
  /// Prefixes of checkpoint names that this model knows but does not use (a VAE's encoder).
  virtual std::vector<std::string> unused_prefixes() const { return {}; }
  /// The layers that run one after another in every pass, with their names: streaming fetches them
  /// one by one. The model calls a LayerObserver for each.
  virtual std::vector<std::pair<std::string, Module*>> layers() { return {}; }
  /// Adds a pair of matrices of this rank to the module's linear map, for a LoRA; ranks add up.
  /// False if the module is not a single linear map.
  virtual bool add_low_rank(std::int64_t rank);
  /// Drops every tensor of the tree. Nothing is lost: weights never change, the source keeps them.
  void unbind() noexcept;

 protected:
  /// The reference stays valid for the module's life.
  Parameter& add_parameter(std::string name, std::vector<std::int64_t> shape,
                           Precision precision = Precision::follow);
  /// `child` must live as long as this module (a member, or owned by one).
  void add_child(std::string name, Module& child);

 private:
  void visit(const std::string& prefix,
             const std::function<void(const std::string&, Parameter&)>& visit);

  std::vector<std::pair<std::string, std::unique_ptr<Parameter>>> parameters_;
  std::vector<std::pair<std::string, Module*>> children_;
};

}  // namespace chitu::memory
