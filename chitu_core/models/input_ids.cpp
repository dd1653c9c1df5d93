#include "chitu_core/models/input_ids.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "chitu_core/common/error.h"
#include "chitu_core/device/dry_run.h"

namespace chitu::models {

void check_input_ids(const at::Tensor& input_ids, std::int64_t vocab_size) {
  if (input_ids.dim() != 2 || input_ids.numel() == 0)
    throw ShapeError(fmt::format("the text encoder takes input_ids [B, L], got [{}]",
                                 fmt::join(input_ids.sizes(), ", ")));
  if (device::in_dry_run()) return;
  const auto smallest = input_ids.min().item<std::int64_t>();
  const auto largest = input_ids.max().item<std::int64_t>();
  if (smallest < 0 || largest >= vocab_size)
    throw InputError(
        fmt::format("the tokenizer gives id {}, the text encoder has a vocabulary of {}",
                    smallest < 0 ? smallest : largest, vocab_size));
}

}  // namespace chitu::models
