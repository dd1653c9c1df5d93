#pragma once

#include "chitu_core/config/interpolate/evaluate.h"

namespace chitu::config {

/// Runs `${name:args}`: OmegaConf's `oc.*`, Hydra's `hydra:`, and registered resolvers.
class Calls {
 public:
  Calls(Evaluator& evaluator, const Place* at) : evaluator_(evaluator), at_(at) {}

  /// The value: a place in the tree, or one that the evaluator owns.
  const Place* run(const Expression& expression);

 private:
  const Place* result(Node node);
  const Place* env(const std::vector<Node>& arguments);
  const Place* decode(const std::vector<Node>& arguments);
  const Place* select(const std::vector<Node>& arguments);
  const Place* create(const std::vector<Node>& arguments);
  const Place* deprecated(const std::vector<Node>& arguments);
  const Place* dict_keys(const std::vector<Node>& arguments);
  const Place* dict_values(const std::vector<Node>& arguments);
  const Place* hydra(const std::vector<Node>& arguments);
  const Place* registered(const std::string& name, std::vector<Node> arguments);
  const Place* map_at(const std::vector<Node>& arguments, std::string_view resolver);

  Evaluator& evaluator_;
  const Place* at_;
};

}  // namespace chitu::config
