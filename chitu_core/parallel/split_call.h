#pragma once

#include "chitu_core/parallel/attention_hook.h"

namespace chitu::parallel {

/// What the schemes' attention calls have in common.

/// Whether several ranks share the sequence.
bool is_split(const AttentionSplit& split);
/// Whether a call is of a sequence that ranks share. Other calls, such as cross-attention to a text
/// that every rank has, are local.
bool is_split(const AttentionOptions& options);
/// The options of a call whose keys are all on this rank.
AttentionOptions whole_call(const AttentionOptions& options);
/// throws  ShapeError if q or k has other rows than options.split says; Error for a bias
void check_split_call(const at::Tensor& q, const at::Tensor& k, const AttentionOptions& options,
                      const Communicator& ranks);

}  // namespace chitu::parallel
