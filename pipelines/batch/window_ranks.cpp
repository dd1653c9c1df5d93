#include "pipelines/batch/window_ranks.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "chitu_core/common/error.h"
#include "chitu_core/parallel/failure.h"
#include "chitu_core/parallel/ranks.h"
#include "chitu_core/parallel/texts.h"
#include "pipelines/batch/sent_values.h"

namespace chitu::pipelines {
namespace {

std::exception_ptr error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Interrupted&) {
    throw;
  } catch (const std::exception&) {
    return std::current_exception();
  }
  return nullptr;
}

std::exception_ptr error_of(const parallel::Failure& failure) {
  return error_of([&] { parallel::raise(failure); });
}

/// An error as other ranks are told of it; empty for none.
std::string text_of(const std::exception_ptr& error, int rank) {
  if (!error) return "";
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& known) {
    return parallel::to_text(parallel::Failure{rank, exit_code(known), explain(known)});
  }
}

}  // namespace

bool WindowRanks::is_first() const { return !ranks_ || ranks_->is_first(); }

bool WindowRanks::any(bool holds) const {
  if (!ranks_) return holds;
  const auto of_ranks = parallel::gather_numbers(*ranks_->groups()->world, {holds ? 1 : 0});
  return std::ranges::any_of(of_ranks, [](const auto& of_rank) { return of_rank.front() != 0; });
}

std::exception_ptr WindowRanks::attempt(const std::function<void()>& work) const {
  if (!ranks_) return error_of(work);
  const auto failure = ranks_->attempt(work);
  return failure ? error_of(*failure) : nullptr;
}

void WindowRanks::share(std::vector<std::exception_ptr>& errors) const {
  if (!ranks_) return;
  nlohmann::json mine = nlohmann::json::array();
  for (const auto& error : errors) mine.push_back(text_of(error, ranks_->rank()));
  const auto of_ranks = parallel::gather_texts(*ranks_->groups()->world, mine.dump());
  for (auto rank = of_ranks.rbegin(); rank != of_ranks.rend(); ++rank) {
    const auto texts = nlohmann::json::parse(*rank);
    for (std::size_t i = 0; i < errors.size(); ++i)
      if (const std::string text = texts.at(i); !text.empty())
        errors[i] = error_of(parallel::failure_from(text));
  }
}

graph::StoredValue WindowRanks::of_first(const std::function<graph::StoredValue()>& read) const {
  if (!ranks_) return read();
  return broadcast_values(*ranks_->groups()->world, is_first() ? read() : graph::StoredValue());
}

std::optional<graph::StoredValue> WindowRanks::shapes_of_first(
    const std::function<graph::StoredValue()>& read) const {
  if (!ranks_) return std::nullopt;
  const std::string mine = is_first() ? shapes_text(read()) : "";
  return shapes_from(parallel::broadcast_text(*ranks_->groups()->world, mine, 0));
}

}  // namespace chitu::pipelines
