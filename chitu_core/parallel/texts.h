#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace chitu::parallel {

class Communicator;

/// The text of each rank, on all ranks of the group.
std::vector<std::string> gather_texts(Communicator& ranks, const std::string& mine);

/// The text of rank `root`, on all ranks of the group.
///
/// text  read on that rank alone
std::string broadcast_text(Communicator& ranks, const std::string& text, int root);

/// The numbers of each rank, of which all have as many.
std::vector<std::vector<std::int64_t>> gather_numbers(Communicator& ranks,
                                                      const std::vector<std::int64_t>& mine);

}  // namespace chitu::parallel
