#include "tools/chitu/config_command.h"

#include <ostream>
#include <sstream>

#include "chitu_core/common/about_key.h"
#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/config/compose/compose.h"
#include "chitu_core/config/compose/explain.h"
#include "chitu_core/config/compose/info.h"
#include "chitu_core/config/compose/job_composer.h"
#include "chitu_core/config/compose/sweep.h"
#include "chitu_core/config/interpolate/evaluate.h"
#include "chitu_core/config/override/merge.h"
#include "chitu_core/config/override/override.h"
#include "chitu_core/config/value/json.h"
#include "chitu_core/config/value/text.h"
#include "chitu_core/config/yaml/loader.h"
#include "chitu_core/config/yaml/yaml_writer.h"
#include "pipelines/composition/short_forms.h"
#include "tools/chitu/counted_progress.h"

namespace chitu::tools {
namespace {

using config::ComposeRequest;
using config::Composition;
using config::Node;

class Command {
 public:
  Command(const PrintFlags& flags, const ComposeRequest& request, std::ostream& out,
          std::ostream& err)
      : options_(flags), request_(request), stream_(out), err_(err) {}

  void run() {
    if (options_.parse_override)
      print(config::describe_override(config::parse_override(*options_.parse_override)));
    else if (options_.file)
      show_file();
    else if (options_.multirun)
      show_jobs();
    else
      show_composition();
    stream_ << out_.str();
  }

 private:
  void print(const Node& node) {
    if (options_.format == "json")
      out_ << config::to_json(node) << '\n';
    else if (node.is_container())
      out_ << config::to_yaml(node);
    else
      out_ << config::python_text(node) << '\n';
  }

  void warn(const std::string& text) { err_ << "warning: " << text << '\n'; }

  config::EvaluateOptions evaluate_options(const Node* hydra_root) {
    return {hydra_root, [this](const std::string& text) { warn(text); }};
  }

  static Node load(const std::string& flag, const std::string& file) {
    return about_key(flag, [&] { return config::load_yaml(file); });
  }

  void show_file() {
    Node node = load("--file", *options_.file);
    if (options_.merge) node = config::merged(std::move(node), load("--merge", *options_.merge));
    print(part_of(node, nullptr));
  }

  /// The part that --package names, resolved with --resolve.
  Node part_of(const Node& root, const Node* hydra_root) {
    const bool whole = options_.package.empty() || options_.package == "_global_";
    if (whole && !options_.resolve) return root;
    config::Evaluator evaluator(root, evaluate_options(hydra_root));
    const config::Place* place = evaluator.root();
    if (!whole) {
      place = evaluator.find(place, options_.package);
      if (!place) {
        root.at(options_.package);  // throws, and names the nearest key
        throw InputError("--package " + options_.package + ": no such key");
      }
    }
    return options_.resolve ? evaluator.plain(place) : *place->node;
  }

  void show_jobs() {
    const config::SweepPlan plan = config::plan_sweep(request_);
    config::JobComposer composer(request_, plan);
    CountedProgress progress("composing job", plan.size());
    for (std::size_t i = 0; i < plan.size(); ++i) {
      progress.show(i + 1);
      composer.compose(i);  // a job that cannot be composed fails the sweep
    }
    print_jobs(plan);
  }

  /// Prints job by job what print() would print for the list of all jobs: the list may be large.
  void print_jobs(const config::SweepPlan& plan) {
    const bool json = options_.format == "json";
    if (plan.size() == 0) return print(Node(config::List()));
    for (std::size_t i = 0; i < plan.size(); ++i) {
      config::List overrides;
      for (const std::string& text : plan.job(i)) overrides.push_back(Node::literal(text));
      if (json)
        stream_ << (i == 0 ? "[" : ", ") << config::to_json(Node(std::move(overrides)));
      else
        stream_ << config::to_yaml(Node(config::List{Node(std::move(overrides))}));
    }
    if (json) stream_ << "]\n";
  }

  /// Distinguishes an empty result from one that lost chitu's configuration.
  void tell_of_no_primary() {
    if (!request_.config_name.empty() || !options_.config_dir) return;
    warn("--config-dir " + *options_.config_dir +
         ": composed by itself and from nothing; --config-name NAME begins with a config, "
         "--config-name chitu with the one that chitu ships");
  }

  void show_composition() {
    const Composition composed = compose(request_);
    for (const std::string& warning : composed.warnings) warn(warning);
    tell_of_no_primary();
    if (options_.hydra_help)
      out_ << config::group_list(composed, true);
    else if (options_.info && options_.format == "json")
      print(info_data(composed, *options_.info));
    else if (options_.info)
      out_ << info_text(composed, *options_.info);
    else if (options_.explain)
      explain_key(composed, *options_.explain);
    else if (options_.origin)
      out_ << annotated(composed);
    else if (options_.diff)
      out_ << difference(load("--diff", *options_.diff), composed.config);
    else
      print_composed(composed);
  }

  void print_composed(const Composition& composed) {
    Node hydra;
    const Node* root = &composed.config;
    const std::string part_name = options_.cfg.value_or("job");
    if (part_name == "all") {
      root = &composed.root;
    } else if (part_name == "hydra") {
      config::Map only;
      only.set("hydra", *composed.root.map().find("hydra"));
      hydra = Node(std::move(only));
      root = &hydra;
    }
    // Hydra's node refers to the program's keys, so it is resolved inside the whole tree.
    const bool inside = part_name == "hydra" && options_.resolve;
    Node part = inside ? resolved_hydra(composed) : part_of(*root, &composed.root);
    if (options_.format == "yaml" && !options_.package.empty() && part.is_container() &&
        options_.package != "_global_")
      out_ << "# @package " << options_.package << '\n';
    print(part);
  }

  Node resolved_hydra(const Composition& composed) {
    config::Evaluator evaluator(composed.root, evaluate_options(&composed.root));
    const std::string key = options_.package.empty() ? "hydra" : options_.package;
    Node part = evaluator.plain(evaluator.select(evaluator.root(), key));
    if (!options_.package.empty()) return part;
    config::Map only;
    only.set("hydra", std::move(part));
    return Node(std::move(only));
  }

  void explain_key(const Composition& composed, const std::string& typed) {
    const bool is_short = !composed.root.find(typed) && pipelines::is_short_form(typed);
    const std::string key = is_short ? "request." + typed : typed;
    const std::vector<config::Explanation> chain = explain(composed, key);
    if (options_.format == "json") {
      config::List steps;
      for (const config::Explanation& step : chain) {
        config::Map map;
        map.set("place", Node::literal(step.place));
        map.set("config", Node::literal(step.config));
        map.set("value", step.value);
        steps.emplace_back(std::move(map));
      }
      print(Node(std::move(steps)));
      return;
    }
    out_ << key << ": " << config::to_inline_yaml(composed.root.at(key)) << '\n';
    for (const config::Explanation& step : chain)
      out_ << "  " << step.place << ": " << config::to_inline_yaml(step.value)
           << (step.config.empty() ? "" : "  (" + step.config + ")") << '\n';
  }

  const PrintFlags& options_;
  const ComposeRequest& request_;
  std::ostream& stream_;
  std::ostream& err_;
  std::ostringstream out_;  ///< printed when nothing has failed
};

}  // namespace

void config_command(const PrintFlags& flags, const ComposeRequest& request, std::ostream& out,
                    std::ostream& err) {
  Command(flags, request, out, err).run();
}

}  // namespace chitu::tools
