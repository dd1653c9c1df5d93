#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "chitu_core/io/safetensors.h"
#include "chitu_core/memory/weight_source.h"

namespace chitu::memory {

/// A pair of matrices of a LoRA file: [rank, in] and [out, rank].
struct LowRankPair {
  std::shared_ptr<const io::SafetensorsFile> file;
  std::string down, up;
  std::int64_t rank = 0;
  double factor = 1;  ///< of the product up x down
};

/// What is added to a weight or a bias.
struct WeightDifference {
  std::shared_ptr<const io::SafetensorsFile> file;
  std::string tensor;
  double factor = 1;
};

/// A source with LoRAs: it adds differences and merged pairs to weights while they are read, and
/// has the matrices that Linear::add_low_rank() declares. Several LoRAs of a layer stand side by
/// side in one pair of matrices; `up` contains the factors.
class LoraWeights final : public WeightSource {
 public:
  /// for_plan  tensors have sizes only; reads are counted
  LoraWeights(std::shared_ptr<const WeightSource> base, bool for_plan)
      : base_(std::move(base)), for_plan_(for_plan) {}

  /// layer  full name of a linear map: "blocks.0.attn1.to_q"
  void add(const std::string& layer, LowRankPair pair) { pairs_[layer].push_back(std::move(pair)); }
  /// Merges the product into a weight while it is read.
  ///
  /// weight  full name of a matrix
  void merge(const std::string& weight, LowRankPair pair) {
    merged_[weight].push_back(std::move(pair));
  }
  /// weight  full name of a parameter
  void add(const std::string& weight, WeightDifference difference) {
    differences_[weight].push_back(std::move(difference));
  }

  void check(const Module& module) const override { base_->check(module); }
  StoredForm stored_form(const std::string& name, const Parameter& parameter) const override;
  void read_into(const std::string& name, const Parameter& parameter,
                 at::Tensor& to) const override;
  void read_rows(const std::string& name, const Parameter& parameter, std::int64_t first_row,
                 at::Tensor& to) const override;
  /// A sum is not: each part of its rows would read a whole matrix of the LoRA.
  bool reads_parts(const std::string& name, const Parameter& parameter) const override;
  std::string identity(const std::string& name, const Parameter& parameter) const override;
  std::int64_t stored_bytes(const std::string& name, const Parameter& parameter) const override;
  at::Tensor table(const std::string& name, const Parameter& parameter) const override {
    return base_->table(name, parameter);
  }

 private:
  using Rows = std::pair<std::int64_t, std::int64_t>;  ///< the first, and how many

  bool is_sum(const std::string& name) const;
  const std::vector<LowRankPair>& pairs_of(const std::string& name) const;
  void read_base(const std::string& name, const Parameter& parameter, Rows rows,
                 at::Tensor& to) const;
  void read_down(const std::vector<LowRankPair>& pairs, std::int64_t first_row,
                 at::Tensor& to) const;
  void read_up(const std::vector<LowRankPair>& pairs, std::int64_t first_row, at::Tensor& to) const;
  void add_differences(const std::vector<WeightDifference>& differences, std::int64_t first_row,
                       at::Tensor& sums) const;
  /// Adds the products of the pairs, in float32. The rows of a product are computed in groups that
  /// begin at multiples of their size, so a row has the same bits whichever rows are read with it.
  void add_products(const std::vector<LowRankPair>& pairs, const Parameter& parameter,
                    std::int64_t first_row, at::Tensor& sums) const;
  void read(const io::SafetensorsFile& file, const std::string& tensor, std::int64_t first_row,
            at::Tensor& to) const;

  std::shared_ptr<const WeightSource> base_;
  bool for_plan_;
  std::map<std::string, std::vector<LowRankPair>> pairs_;
  std::map<std::string, std::vector<LowRankPair>> merged_;
  std::map<std::string, std::vector<WeightDifference>> differences_;
};

}  // namespace chitu::memory
