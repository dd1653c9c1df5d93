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

/// Where a component's weights come from: the one truth about them, which never changes. What
/// stands on a device is a copy that is dropped, never written back.
class WeightSource {
 public:
  virtual ~WeightSource() = default;
  /// Compares a module with what there is; reads no weights.
  ///
  /// throws  InputError naming file and tensor for what does not fit; see check_weights
  virtual void check(const Module& module) const = 0;
  /// Fills a contiguous tensor of the host, cast to its dtype.
  virtual void read_into(const std::string& name, const Parameter& parameter,
                         at::Tensor& destination) const = 0;
  /// Likewise rows of the weight's first dimension, from `first_row` on: as many as the destination
  /// has, all of which the weight has.
  virtual void read_rows(const std::string& name, const Parameter& parameter,
                         std::int64_t first_row, at::Tensor& destination) const = 0;
  /// Bytes that the weight takes at rest.
  virtual std::int64_t stored_bytes(const std::string& name, const Parameter& parameter) const = 0;
  /// The weight where it lies, for a table of which a few rows alone are read.
  virtual at::Tensor table(const std::string& name, const Parameter& parameter) const = 0;
};

/// The tensor of a checkpoint that a parameter's numbers come from: the one that overrides it where
/// there is one, else that of its own name.
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
  void read_into(const std::string& name, const Parameter& parameter,
                 at::Tensor& to) const override {
    checkpoint_->read_into(tensor_of(*checkpoint_, name, parameter), to);
  }
  void read_rows(const std::string& name, const Parameter& parameter, std::int64_t first_row,
                 at::Tensor& to) const override {
    checkpoint_->read_rows(tensor_of(*checkpoint_, name, parameter), first_row, to);
  }
  std::int64_t stored_bytes(const std::string& name, const Parameter& parameter) const override {
    return checkpoint_->info(tensor_of(*checkpoint_, name, parameter)).size_bytes;
  }
  at::Tensor table(const std::string& name, const Parameter& parameter) const override {
    return checkpoint_->tensor(tensor_of(*checkpoint_, name, parameter));
  }

 private:
  std::shared_ptr<const io::Checkpoint> checkpoint_;
};

/// Weights of which a plan needs the sizes alone: those of the files, or, where there are none yet,
/// of files in one dtype.
class PlannedWeights final : public WeightSource {
 public:
  /// checkpoint  may be null
  PlannedWeights(std::shared_ptr<const io::Checkpoint> checkpoint, at::ScalarType stored_dtype)
      : checkpoint_(std::move(checkpoint)), stored_dtype_(stored_dtype) {}
  void check(const Module& module) const override;
  void read_into(const std::string& name, const Parameter& parameter, at::Tensor&) const override;
  void read_rows(const std::string& name, const Parameter& parameter, std::int64_t first_row,
                 at::Tensor& to) const override;
  std::int64_t stored_bytes(const std::string& name, const Parameter& parameter) const override;
  at::Tensor table(const std::string& name, const Parameter& parameter) const override;

 private:
  std::shared_ptr<const io::Checkpoint> checkpoint_;
  at::ScalarType stored_dtype_;
};

/// A source whose weights stay in host memory once they were read, in the dtype in which they wait.
/// Safe from several threads as long as no two read the same weight at once.
class HostWeights final : public WeightSource {
 public:
  explicit HostWeights(std::shared_ptr<const WeightSource> source) : source_(std::move(source)) {}
  void check(const Module& module) const override { source_->check(module); }
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
