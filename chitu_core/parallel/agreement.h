#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace chitu::parallel {

/// What must be the same on every rank: names, such as keys of the configuration, and values.
using Facts = std::vector<std::pair<std::string, std::string>>;

/// For the store: one text, and back.
std::string to_text(const Facts& facts);
Facts facts_from(const std::string& text);

/// The first name that differs, as a sentence: "rank 1 differs from rank 0 in request.seed: 8, not
/// 7". Empty when all are equal.
///
/// first_rank  the number of rank 0 in the launch, for the sentence
std::optional<std::string> first_difference(int rank, const Facts& own, const Facts& of_rank_0,
                                            int first_rank = 0);

}  // namespace chitu::parallel
