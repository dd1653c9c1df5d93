#pragma once

#include "chitu_core/common/registry.h"
#include "chitu_core/nn/attention.h"

namespace chitu {

/// An attention backend: computes softmax(q k^T * scale + bias) v. Register it with
///
///     CHITU_REGISTER(chitu::AttentionBackend, MyAttention, "my_attention");
///
/// and choose it with infer.attn_type=my_attention or EngineOptions::attn_type; `auto` takes the
/// exact backend of the highest rank that runs on the device.
using nn::AttentionBackend;

using nn::AttentionKind;
using nn::AttentionOptions;

}  // namespace chitu
