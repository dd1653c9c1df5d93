#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "chitu_core/io/tokenizer.h"
#include "pipelines/model/model_folder.h"

namespace chitu::pipelines {

/// The file that the user gives, else the checkpoint's folder, else what is in the weights.
///
/// classes     in model_index.json that the family accepts
/// in_weights  finds one there, or null; null = not looked for
/// returns     null if a plan's checkpoint has none
/// throws      InputError if a run's has none, or it is damaged or not supported
std::shared_ptr<const io::Tokenizer> open_tokenizer(
    const ModelFolder& folder, const std::vector<std::string>& classes, bool for_plan,
    const std::function<std::shared_ptr<const io::Tokenizer>()>& in_weights = nullptr);

}  // namespace chitu::pipelines
