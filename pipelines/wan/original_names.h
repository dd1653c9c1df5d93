#pragma once

#include <string>

namespace chitu::pipelines::wan {

/// The name of a layer or a weight of the transformer in the original repository:
/// "blocks.0.self_attn.q" for "blocks.0.attn1.to_q".
/// Source: the converter of diffusers, scripts/convert_wan_to_diffusers.py
std::string original_name(const std::string& name);

}  // namespace chitu::pipelines::wan
