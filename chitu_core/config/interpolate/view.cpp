#include "chitu_core/config/interpolate/view.h"

#include <spdlog/logger.h>

#include <range/v3/view/enumerate.hpp>

#include "chitu_core/common/log.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/config/interpolate/evaluate.h"

namespace chitu::config {
namespace {

namespace rv = ranges::views;

EvaluateOptions options(const Node* hydra_root) {
  return {hydra_root, [](const std::string& text) { logger("config")->warn(text); }};
}

}  // namespace

View::View(const Node& root, const Node* hydra_root)
    : evaluator_(std::make_shared<Evaluator>(root, options(hydra_root))),
      place_(evaluator_->root()) {}

View::View(std::shared_ptr<Evaluator> evaluator, const Place* place)
    : evaluator_(std::move(evaluator)), place_(place) {}

std::optional<View> View::find(std::string_view path) const {
  const Place* place = place_;
  for (const std::string& part : split_path(path)) {
    place = evaluator_->dereference(place);
    if (!place->node->is_container()) return std::nullopt;
    if (place->node->is_list() &&
        list_index(part, place->node->list().size()) == place->node->list().size())
      return std::nullopt;
    place = evaluator_->child(place, part);
    if (!place) return std::nullopt;
  }
  return View(evaluator_, place);
}

View View::operator[](std::string_view path) const {
  if (auto found = find(path)) return *found;
  const Node& here = node();
  throw ConfigError(here.origin(), join_path(key(), path),
                    "no such key" + did_you_mean(path, keys_of(here)));
}

const Node& View::node() const { return *evaluator_->dereference(place_)->node; }

const Node& View::written() const { return *place_->node; }

Node View::resolved() const { return evaluator_->plain(place_); }

std::string View::key() const { return Evaluator::full_key(place_); }

std::vector<View> View::children() const {
  std::vector<View> views;
  const Place* place = evaluator_->dereference(place_);
  const Node& here = *place->node;
  if (here.is_map()) {
    for (const Entry& entry : here.map())
      views.push_back(View(evaluator_, evaluator_->child(place, entry.key, entry.value)));
  } else if (here.is_list()) {
    for (const auto& [i, item] : rv::enumerate(here.list()))
      views.push_back(View(evaluator_, evaluator_->child(place, i, item)));
  }
  return views;
}

Node resolve(const Node& root, const Node* hydra_root) { return View(root, hydra_root).resolved(); }

}  // namespace chitu::config
