#pragma once

#include <cstdint>
#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

#include "pipelines/model/request.h"

namespace chitu::pipelines {

/// What a template of names can name beside the fields of a request.
struct NameValues {
  Request request;
  std::int64_t index = 0;  ///< of the job in its sweep or batch; 0 for a single run
  std::string model;       ///< name of the model; see model_name()
  std::time_t time = 0;    ///< when the run began
};

/// The last folder of the path of a checkpoint: "Wan2.1-T2V-1.3B-Diffusers".
std::string model_name(const std::filesystem::path& ckpt_dir);

/// The template that gives exactly this name: its braces are doubled.
std::string literal_template(const std::string& name);

/// A template of the names of media, as output.name has it:
/// "{index:04d}-{prompt:.40}-{seed}".
///
/// {FIELD} or {FIELD:SPEC} becomes a value, {{ and }} become braces. FIELD is a field of a request,
/// index, model, date (2026-01-31) or time (23-59-59). SPEC is that of Python's format(), without
/// grouping: fill and alignment, width, zeros, precision, type. Precision cuts a text to so many
/// characters. A SPEC of date and time with a % is that of strftime.
///
/// In values, the characters / \ : * ? " < > |, control characters and bytes that are not UTF-8
/// become _, and so does a dot that would begin the name.
class NameTemplate {
 public:
  /// throws  InputError "output.name=...: " for an unknown field, with those there are; a SPEC that
  ///         does not suit its field; braces without a partner; a slash; a name that begins with a
  ///         dot or ends with the extension of a format
  explicit NameTemplate(std::string text);

  /// The name, without extension.
  ///
  /// throws  InputError when it is blank
  std::string name_for(const NameValues& values) const;

  /// Every field, sorted.
  static std::vector<std::string> fields();

 private:
  struct Piece {
    std::string text;  ///< literal; of a field, its name
    bool is_field = false;
    std::string spec{};
  };
  void parse();
  Piece parse_field(std::string_view inside) const;
  void check_literals() const;
  [[noreturn]] void refuse(const std::string& problem) const;

  std::string text_;
  std::vector<Piece> pieces_;
};

}  // namespace chitu::pipelines
