#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include "chitu_core/io/checkpoint.h"
#include "chitu_core/memory/module.h"

namespace chitu::memory {

/// The form in which a source stores a weight.
struct StoredForm {
  at::ScalarType dtype = at::ScalarType::Undefined;  ///< of plain values
  std::shared_ptr<const io::Encoding> encoding{};    ///< null: plain values
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

 private:
  std::shared_ptr<const io::Checkpoint> checkpoint_;
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

 private:
  std::shared_ptr<const io::Checkpoint> checkpoint_;
  at::ScalarType stored_dtype_;
};

/// A source that keeps weights in host memory once they are read, in the dtype they are stored in.
/// Thread-safe as long as no two threads read the same weight at once.
class HostWeights final : public WeightSource {
 public:
  explicit HostWeights(std::shared_ptr<const WeightSource> source) : source_(std::move(source)) {}
  void check(const Module& module) const override { source_->check(module); }
  StoredForm stored_form(const std::string& name, const Parameter& parameter) const override {
    return source_->stored_form(name, parameter);
  }
  void read_into(const std::string& name, const Parameter& parameter,
                 at::Tensor& to) const override;
  void read_rows(const std::string& name, const Parameter& parameter, std::int64_t first_row,
                 at::Tensor& to) const override;
  std::int64_t stored_bytes(const std::string& name, const Parameter& parameter) const override {
    return source_->stored_bytes(name, parameter);
  }
  at::Tensor table(const std::string& name, const Parameter& parameter) const override {
    return source_->table(name, parameter);
  }

 private:
  at::Tensor kept(const std::string& name, const Parameter& parameter) const;

  std::shared_ptr<const WeightSource> source_;
  mutable std::mutex mutex_;
  mutable std::unordered_map<std::string, at::Tensor> kept_;
};

}  // namespace chitu::memory
