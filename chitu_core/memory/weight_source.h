#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>

#include "chitu_core/io/checkpoint.h"
#include "chitu_core/memory/module.h"

namespace chitu::memory {

/// The form in which a source stores a weight.
struct StoredForm {
  at::ScalarType dtype = at::ScalarType::Undefined;  ///< of plain values
  std::shared_ptr<const io::Encoding> encoding{};    ///< null: plain values
};

/// Rows of a weight's first dimension, and their place in a host buffer.
struct WeightRows {
  const std::string& name;
  const Parameter& parameter;
  std::int64_t first_row = 0, rows = 0;
  std::int64_t offset_bytes = 0;

  std::int64_t bytes() const;
  std::int64_t end_bytes() const { return offset_bytes + bytes(); }
  /// Some of these rows, counted from the first of them.
  WeightRows part(std::int64_t first, std::int64_t count) const;
  /// A view of the rows in the buffer, uint8, in the form of the bound weight.
  at::Tensor in(const at::Tensor& buffer) const;
};

/// Where a component's weights come from. A source never changes: tensors on a device are copies
/// that are dropped, never written back.
class WeightSource {
 public:
  virtual ~WeightSource() = default;
  /// Compares names, shapes and dtypes with a module's; reads no weights.
  ///
  /// throws  InputError naming file and tensor if they do not fit; see check_weights
  virtual void check(const Module& module) const = 0;
  /// What the weight may be at rest where its users cast or decode it.
  virtual StoredForm stored_form(const std::string& name, const Parameter& parameter) const = 0;
  /// Fills a contiguous host tensor, cast to its dtype; with the encoded rows if the parameter has
  /// an encoding (Parameter::stored_shape).
  virtual void read_into(const std::string& name, const Parameter& parameter,
                         at::Tensor& destination) const = 0;
  /// The same for rows of the weight's first dimension, from `first_row` on,
  /// as many as the destination has. The weight has all of them.
  virtual void read_rows(const std::string& name, const Parameter& parameter,
                         std::int64_t first_row, at::Tensor& destination) const = 0;
  /// Fills a host buffer, uint8, with rows of weights that lie in it one behind another. Bytes
  /// between them have any value.
  virtual void fill(std::span<const WeightRows> rows, const at::Tensor& buffer) const;
  /// Whether parts of a weight's rows are read at the cost of the parts: not where each part needs
  /// all of another tensor.
  virtual bool reads_parts(const std::string& name, const Parameter& parameter) const;
  /// All of the weight in host memory, in the form of the bound one, read-only: a copy that
  /// processes of this host share (OneCopyWeights). Undefined if the source has none.
  virtual at::Tensor host_copy(const std::string& name, const Parameter& parameter) const;
  /// What the weight's values follow from: sources that give the same text have the same values.
  /// Empty if that is not known.
  virtual std::string identity(const std::string& name, const Parameter& parameter) const;
  /// Whether several processes read together (SharedWeights). Each of them has to make the same
  /// reads in the same order, so that none is left out when passes end early.
  virtual bool is_shared() const { return false; }
  /// Bytes of the weight in the files.
  virtual std::int64_t stored_bytes(const std::string& name, const Parameter& parameter) const = 0;
  /// The weight without a copy, for a table of which only a few rows are read; encoded rows if the
  /// parameter has an encoding.
  virtual at::Tensor table(const std::string& name, const Parameter& parameter) const = 0;
};

/// Name of the checkpoint's tensor for a parameter: its overriding_name if the checkpoint has it,
/// else its own name.
const std::string& tensor_of(const io::Checkpoint& checkpoint, const std::string& name,
                             const Parameter& parameter);

/// The weights of a checkpoint's files.
class FileWeights final : public WeightSource {
 public:
  explicit FileWeights(std::shared_ptr<const io::Checkpoint> checkpoint)
      : checkpoint_(std::move(checkpoint)) {}
  explicit FileWeights(const std::filesystem::path& folder)
      : FileWeights(std::make_shared<io::Checkpoint>(folder)) {}
  void check(const Module& module) const override;
  StoredForm stored_form(const std::string& name, const Parameter& parameter) const override;
  void read_into(const std::string& name, const Parameter& parameter,
                 at::Tensor& to) const override;
  void read_rows(const std::string& name, const Parameter& parameter, std::int64_t first_row,
                 at::Tensor& to) const override;
  std::int64_t stored_bytes(const std::string& name, const Parameter& parameter) const override {
    return checkpoint_->info(tensor_of(*checkpoint_, name, parameter)).size_bytes;
  }
  at::Tensor table(const std::string& name, const Parameter& parameter) const override;
  bool reads_parts(const std::string& name, const Parameter& parameter) const override;
  /// Of all files of the checkpoint, as they were when it was first asked for.
  std::string identity(const std::string& name, const Parameter& parameter) const override;

 private:
  std::shared_ptr<const io::Checkpoint> checkpoint_;
  mutable std::once_flag identified_;
  mutable std::string files_;
};

/// Weights for a dry run, which only needs sizes: those of the files, or, without files, sizes in
/// one dtype.
class DryRunWeights final : public WeightSource {
 public:
  /// checkpoint  may be null
  DryRunWeights(std::shared_ptr<const io::Checkpoint> checkpoint, at::ScalarType stored_dtype)
      : checkpoint_(std::move(checkpoint)), stored_dtype_(stored_dtype) {}
  void check(const Module& module) const override;
  StoredForm stored_form(const std::string& name, const Parameter& parameter) const override;
  void read_into(const std::string& name, const Parameter& parameter, at::Tensor&) const override;
  void read_rows(const std::string& name, const Parameter& parameter, std::int64_t first_row,
                 at::Tensor& to) const override;
  std::int64_t stored_bytes(const std::string& name, const Parameter& parameter) const override;
  at::Tensor table(const std::string& name, const Parameter& parameter) const override;
  bool reads_parts(const std::string& name, const Parameter& parameter) const override;

 private:
  std::shared_ptr<const io::Checkpoint> checkpoint_;
  at::ScalarType stored_dtype_;
};

/// A source on top of another one, which answers all questions about the weights. How they are read
/// is up to the class.
class WrappedWeights : public WeightSource {
 public:
  explicit WrappedWeights(std::shared_ptr<const WeightSource> source)
      : source_(std::move(source)) {}
  void check(const Module& module) const override { source_->check(module); }
  StoredForm stored_form(const std::string& name, const Parameter& parameter) const override {
    return source_->stored_form(name, parameter);
  }
  bool reads_parts(const std::string& name, const Parameter& parameter) const override {
    return source_->reads_parts(name, parameter);
  }
  std::int64_t stored_bytes(const std::string& name, const Parameter& parameter) const override {
    return source_->stored_bytes(name, parameter);
  }
  at::Tensor table(const std::string& name, const Parameter& parameter) const override {
    return source_->table(name, parameter);
  }

 protected:
  const WeightSource& source() const { return *source_; }

 private:
  std::shared_ptr<const WeightSource> source_;
};

/// A source that keeps weights in host memory once they are read, in the dtype they are stored in.
/// Thread-safe as long as no two threads read the same weight at once.
class HostWeights final : public WrappedWeights {
 public:
  enum class Keeps {
    weights,  ///< whole ones
    rows,     ///< what is read of a weight, which is the same each time
  };
  explicit HostWeights(std::shared_ptr<const WeightSource> source, Keeps keeps = Keeps::weights)
      : WrappedWeights(std::move(source)), keeps_(keeps) {}
  void read_into(const std::string& name, const Parameter& parameter,
                 at::Tensor& to) const override;
  void read_rows(const std::string& name, const Parameter& parameter, std::int64_t first_row,
                 at::Tensor& to) const override;

 private:
  using Rows = std::pair<std::string, std::int64_t>;  ///< of a weight, from a row on
  at::Tensor kept(const std::string& name, const Parameter& parameter, std::int64_t first_row,
                  std::int64_t rows) const;
  /// Of the source: a copy that processes share, or one of its own.
  at::Tensor read(const std::string& name, const Parameter& parameter, std::int64_t first_row,
                  std::int64_t rows) const;

  Keeps keeps_;
  mutable std::mutex mutex_;
  mutable std::map<Rows, at::Tensor> kept_;
};

}  // namespace chitu::memory
