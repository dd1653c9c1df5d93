#include "tools/chitu/regress/cases_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include "chitu_core/common/error.h"
#include "chitu_core/common/expected.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/config/yaml/loader.h"
#include "tools/chitu/command_line.h"
#include "tools/chitu/job.h"

namespace chitu::tools {
namespace fs = std::filesystem;

namespace {

using config::ConfigError;

/// The keys of a case, and of `defaults` without its name.
struct CaseKeys {
  std::string name;
  std::optional<std::string> prompt, negative_prompt, reference;
  std::vector<std::string> overrides;
  std::optional<FrameMode> mode;
  std::optional<double> psnr, ssim;
  std::optional<std::int64_t> stored_frames;
  GrowthLimits tolerance;
  std::optional<bool> time;

  void bind(config::Binder& b) { bind_keys(b, true); }

  void bind_keys(config::Binder& b, bool has_name) {
    if (has_name) b.required("name", name, {}, "of the case and of its record");
    b.field("overrides", overrides, "as on the command line, one in each item");
    b.field("prompt", prompt, "request.prompt, taken as it is");
    b.field("negative_prompt", negative_prompt, "request.negative_prompt, taken as it is");
    b.field("mode", mode, "how frames are compared");
    b.field("psnr", psnr, config::between(0, 1000), "the least PSNR of a frame, in dB");
    b.field("ssim", ssim, config::between(-1, 1), "the least SSIM of a frame");
    b.field("stored_frames", stored_frames, config::at_least(1),
            "how many frames are stored as PNGs; null: all");
    b.field("tolerance", tolerance, "how much more it may take than its record");
    b.field("reference", reference, "the case that its time is divided by");
    b.field("time", time, "whether its time is judged");
  }
};

/// A CaseKeys without a name.
struct DefaultKeys : CaseKeys {
  void bind(config::Binder& b) { bind_keys(b, false); }
};

struct FileKeys {
  std::string records = "records";
  std::optional<std::string> config_dir, config_name;
  DefaultKeys defaults;
  std::vector<CaseKeys> cases;

  void bind(config::Binder& b) {
    b.field("records", records, "the folder of the records, beside this file");
    b.field("config_dir", config_dir, "as --config-dir, beside this file");
    b.field("config_name", config_name, "as --config-name");
    b.field("defaults", defaults, "what every case has unless it says otherwise");
    b.required("cases", cases, {}, "the cases");
  }
};

std::string number_text(const config::Node& node) {
  if (node.kind() == config::Kind::integer) return node.integer_text();
  if (node.kind() == config::Kind::real) return fmt::format("{}", node.as_real());
  return node.is_string() ? node.text() : "";
}

/// In other files a number without a unit is in GiB, which no tolerance is meant to be.
void check_units(const config::Node& keys, const std::string& name) {
  for (const char* key : {"tolerance.peak", "tolerance.bytes"}) {
    const config::Node* value = keys.find(key);
    const std::string text = value ? number_text(*value) : "";
    if (!text.empty() && std::isdigit(static_cast<unsigned char>(text.back())))
      throw ConfigError(value->origin(), name + "." + key,
                        "expected a unit, such as 1MiB or 5%, got " + text);
  }
}

bool is_file_name(const std::string& name) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  return !name.empty() && name[0] != '.' && name[0] != '-' &&
         name.find_first_not_of(kAllowed) == std::string::npos;
}

/// Finds the override that an error of a composition is about.
class OverrideLines {
 public:
  void add(const config::Node* list) {
    if (!list || !list->is_list()) return;
    for (const config::Node& item : list->list())
      if (item.is_string()) lines_.emplace_back(item.text(), item.origin());
  }

  const config::Origin& of(const std::string& message, const config::Origin& otherwise) const {
    for (const auto& [text, origin] : lines_) {
      const std::string key = text.substr(0, text.find('='));
      if (message.find(text) != std::string::npos || message.find(key) != std::string::npos)
        return origin;
    }
    return otherwise;
  }

 private:
  std::vector<std::pair<std::string, config::Origin>> lines_;
};

/// Turns the keys of one file into cases.
class Reader {
 public:
  Reader(fs::path path, const config::Node& root)
      : path_(std::move(path)), root_(root), keys_(config::read<FileKeys>(config::View(root))) {}

  CasesFile read(const std::vector<std::string>& only) {
    check_names();
    check_references();
    check_tolerances();
    CasesFile file{path_, beside(keys_.records), {}};
    for (const std::size_t i : chosen(only)) file.cases.push_back(make_case(i));
    return file;
  }

 private:
  const config::Node& entry(std::size_t i) const { return root_.find("cases")->list()[i]; }
  fs::path beside(const fs::path& name) const {
    return (path_.parent_path() / name).lexically_normal();
  }
  const std::string& name(std::size_t i) const { return keys_.cases[i].name; }

  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const CaseKeys& keys : keys_.cases) names.push_back(keys.name);
    return names;
  }

  void check_names() const {
    if (keys_.cases.empty()) throw ConfigError(root_.at("cases").origin(), "cases", "has none");
    for (std::size_t i = 0; i < keys_.cases.size(); ++i) {
      const config::Origin& origin = entry(i).at("name").origin();
      if (!is_file_name(name(i)))
        throw ConfigError(origin, "cases[" + std::to_string(i) + "].name",
                          "expected letters, digits, '.', '_' and '-', as it names a file; got \"" +
                              name(i) + "\"");
      for (std::size_t earlier = 0; earlier < i; ++earlier)
        if (name(earlier) == name(i))
          throw ConfigError(origin, "two cases are named " + name(i) + "; the other is at " +
                                        to_string(entry(earlier).at("name").origin()));
    }
  }

  std::optional<std::string> reference(std::size_t i) const {
    return keys_.cases[i].reference ? keys_.cases[i].reference : keys_.defaults.reference;
  }
  bool is_timed(std::size_t i) const {
    return keys_.cases[i].time.value_or(keys_.defaults.time.value_or(false)) &&
           reference(i) != name(i);
  }

  void check_references() const {
    const auto known = names();
    for (std::size_t i = 0; i < keys_.cases.size(); ++i) {
      const auto wanted = reference(i);
      const config::Node* node = entry(i).find("reference");
      const config::Origin& origin = node ? node->origin() : entry(i).origin();
      if (wanted && std::ranges::count(known, *wanted) == 0)
        throw ConfigError(
            origin, "reference",
            "expected the name of a case, got " + *wanted + did_you_mean(*wanted, known));
      if (keys_.cases[i].time.value_or(false) && (!wanted || *wanted == name(i)))
        throw ConfigError(entry(i).at("time").origin(), "time",
                          "expected also reference: the case that its time is divided by");
    }
  }

  void check_tolerances() const {
    if (const config::Node* defaults = root_.find("defaults")) check_units(*defaults, "defaults");
    for (std::size_t i = 0; i < keys_.cases.size(); ++i)
      check_units(entry(i), "cases[" + std::to_string(i) + "]");
  }

  std::vector<std::size_t> chosen(const std::vector<std::string>& only) const {
    const auto known = names();
    for (const std::string& name : only)
      if (std::ranges::count(known, name) == 0)
        throw InputError("--case " + name + ": " + path_.string() + " has no such case, " +
                         expected_one_of(name, known));
    std::vector<std::string> wanted = only;
    for (std::size_t i = 0; i < known.size(); ++i)  // a time needs that of its reference
      if (std::ranges::count(only, known[i]) > 0 && is_timed(i)) wanted.push_back(*reference(i));
    std::vector<std::size_t> indices;
    for (std::size_t i = 0; i < known.size(); ++i)
      if (only.empty() || std::ranges::count(wanted, known[i]) > 0) indices.push_back(i);
    return indices;
  }

  ComposeFlags flags(std::size_t i) const {
    const CaseKeys &keys = keys_.cases[i], &defaults = keys_.defaults;
    ComposeFlags flags;
    if (keys_.config_dir) flags.config_dir = beside(*keys_.config_dir).string();
    flags.config_name = keys_.config_name;
    flags.overrides = defaults.overrides;
    flags.overrides.insert(flags.overrides.end(), keys.overrides.begin(), keys.overrides.end());
    if (const auto& prompt = keys.prompt ? keys.prompt : defaults.prompt)
      flags.texts.emplace_back("request.prompt", *prompt);
    if (const auto& prompt = keys.negative_prompt ? keys.negative_prompt : defaults.negative_prompt)
      flags.texts.emplace_back("request.negative_prompt", *prompt);
    return flags;
  }

  config::Composition composed(std::size_t i) const {
    try {
      auto composition = config::compose(compose_request(flags(i), ConfigTrees::chitus));
      refuse_python(composition);
      prepare_single(composition);
      return composition;
    } catch (const InputError& error) {
      OverrideLines lines;
      lines.add(entry(i).find("overrides"));
      lines.add(root_.find("defaults.overrides"));
      throw ConfigError(lines.of(error.what(), entry(i).origin()),
                        "case " + name(i) + ": " + error.what());
    }
  }

  GrowthLimits limits(std::size_t i) const {
    GrowthLimits limits = keys_.defaults.tolerance;
    const GrowthLimits& own = keys_.cases[i].tolerance;
    if (own.peak) limits.peak = own.peak;
    if (own.bytes) limits.bytes = own.bytes;
    if (own.loads) limits.loads = own.loads;
    return limits;
  }

  RegressCase make_case(std::size_t i) const {
    const CaseKeys &keys = keys_.cases[i], &defaults = keys_.defaults;
    RegressCase made;
    made.name = name(i);
    made.origin = entry(i).origin();
    made.mode = keys.mode.value_or(defaults.mode.value_or(made.mode));
    made.least_psnr_db = keys.psnr.value_or(defaults.psnr.value_or(made.least_psnr_db));
    made.least_ssim = keys.ssim.value_or(defaults.ssim.value_or(made.least_ssim));
    made.stored_frames = keys.stored_frames ? keys.stored_frames : defaults.stored_frames;
    made.tolerance = limits(i);
    made.time = is_timed(i);
    if (made.time) made.reference = reference(i);
    made.composition = composed(i);
    return made;
  }

  fs::path path_;
  const config::Node& root_;
  FileKeys keys_;
};

}  // namespace

void GrowthLimits::bind(config::Binder& b) {
  b.field("peak", peak, "of the device memory of a stage, such as 1MiB or 5%");
  b.field("bytes", bytes, "of the bytes that a stage moves each way");
  b.field("loads", loads, config::at_least(0), "of the components that a stage loads");
}

CasesFile read_cases(const fs::path& path, const std::vector<std::string>& only) {
  const config::Node root = config::load_yaml(path);
  return Reader(path, root).read(only);
}

}  // namespace chitu::tools
