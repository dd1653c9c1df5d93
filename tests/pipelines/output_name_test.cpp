#include "pipelines/output/output_name.h"

#include "chitu_core/common/error.h"
#include "pipelines/output/media_names.h"
#include "tests/support/catch.h"

namespace chitu::pipelines {
namespace {

using Catch::ContainsSubstring;

NameValues values() {
  NameValues values;
  values.request.prompt = "a cat";
  values.request.width = 832;
  values.request.height = 480;
  values.request.num_frames = 81;
  values.request.seed = 42;
  values.index = 7;
  values.model = "demo-t2v";
  return values;
}

std::string name(const std::string& text, const NameValues& from = values()) {
  return NameTemplate(text).name_for(from);
}

TEST_CASE("a name is made of the fields of a request, the index and the model", "[pipelines]") {
  CHECK(name("{index:04d}-{prompt:.40}-{seed}") == "0007-a cat-42");
  CHECK(name("{model}_{width}x{height}x{num_frames}") == "demo-t2v_832x480x81");
  CHECK(name("clip") == "clip");
  CHECK(name("{guidance_scale:.1f}") == "5.0");
  CHECK(name("{seed:_>6}{seed:x<6}") == "____4242xxxx");
  CHECK(name("{{{seed}}}") == "{42}");
  CHECK(name("{seed:#x}") == "0x2a");
  CHECK(name("{flow_shift}{negative_prompt}") == "null");
}

TEST_CASE("the largest seed keeps its value in a name", "[pipelines]") {
  NameValues large = values();
  large.request.seed = ~std::uint64_t{0};
  CHECK(name("{seed}", large) == "18446744073709551615");
}

TEST_CASE("a precision cuts a text by characters, not by bytes", "[pipelines]") {
  NameValues chinese = values();
  chinese.request.prompt = "一只猫在草地上";
  CHECK(name("{prompt:.3}", chinese) == "一只猫");
  CHECK(name("{prompt:.30}", chinese) == "一只猫在草地上");
}

TEST_CASE("characters that are unsafe in names of files become _", "[pipelines]") {
  NameValues bad = values();
  bad.request.prompt = "a/b\\c:d*e?f\"g<h>i|j\nk\tl\x01m\xffn\u0085o";
  CHECK(name("{prompt}", bad) == "a_b_c_d_e_f_g_h_i_j_k_l_m_n_o");
  bad.request.prompt = "../../etc";
  CHECK(name("{prompt}", bad) == "_._.._etc");
  bad.request.prompt = "..";
  CHECK(name("{prompt}", bad) == "_.");
  CHECK(name("{seed:/>6}") == "____42");
}

TEST_CASE("date and time are those of the run, or as strftime writes them", "[pipelines]") {
  NameValues at = values();
  std::tm parts{};
  parts.tm_year = 126;
  parts.tm_mday = 5;
  parts.tm_hour = 7;
  parts.tm_min = 8;
  parts.tm_sec = 9;
  parts.tm_isdst = -1;
  at.time = std::mktime(&parts);
  CHECK(name("{date}_{time}", at) == "2026-01-05_07-08-09");
  CHECK(name("{date:%Y%m%d}T{time:%H:%M}", at) == "20260105T07_08");
}

TEST_CASE("a template that cannot be right is refused with the override and what is expected",
          "[pipelines]") {
  const auto [text, expected] = GENERATE(table<std::string, std::string>({
      {"{promt}",
       "output.name='{promt}': unknown field {promt}, expected one of date, flexcache, flow_shift, "
       "fps, guidance_scale, guidance_scale_2, height, image, image_sha256, index, last_image, "
       "last_image_sha256, max_sequence_length, model, negative_prompt, num_frames, "
       "num_inference_steps, prompt, seed, time, width, did you mean prompt?"},
      {"{image:04d}", "cannot format {image} as '04d'"},
      {"{}", "unknown field {}, expected one of date,"},
      {"{0}", "unknown field {0}"},
      {"{prompt!r}", "unknown field {prompt!r}"},
      {"{prompt.size}", "unknown field {prompt.size}"},
      {"{index:q}", "cannot format {index} as 'q', expected such as {index:04d}"},
      {"{index:.3}", "cannot format {index} as '.3'"},
      {"{index:99999999999d}", "cannot format {index} as '99999999999d'"},
      {"{index:256}", "cannot format {index} as '256'"},
      {"{prompt:04d}", "cannot format {prompt} as '04d', expected such as {prompt:.40}"},
      {"{prompt:.999999999}", "cannot format {prompt} as '.999999999'"},
      {"{guidance_scale:d}", "expected such as {guidance_scale:.1f}"},
      {"{guidance_scale_2:q}", "expected such as {guidance_scale_2:.1f}"},
      {"{flow_shift:s}", "expected such as {flow_shift:.1f}"},
      {"{date:d}", "expected such as {date:%Y%m%d}"},
      {"{index:{seed}}", "a { has no }"},
      {"{index", "a { has no }"},
      {"index}", "a } has no {"},
      {"", "expected a name or null"},
      {"clips/{seed}", "cannot hold / \\"},
      {"a\nb", "output.name='a\\nb': a name of a file cannot hold"},
      {".{seed}", "does not begin with a dot"},
      {"{seed}.mp4", "expected a name without .mp4"},
  }));
  CHECK_THROWS_AS(NameTemplate(text), InputError);
  CHECK_THROWS_WITH(NameTemplate(text),
                    Catch::StartsWith("output.name='") && ContainsSubstring(expected));
}

TEST_CASE("a name of which nothing is left is refused", "[pipelines]") {
  CHECK_THROWS_WITH(name("{negative_prompt}"),
                    "output.name='{negative_prompt}': the name is empty");
}

TEST_CASE("the name of a model is the last folder of its path", "[pipelines]") {
  CHECK(model_name("assets/demo-t2v") == "demo-t2v");
  CHECK(model_name("assets/demo-t2v/") == "demo-t2v");
  CHECK(model_name("assets/./x/../demo-t2v/.") == "demo-t2v");
}

TEST_CASE("each format has the name and its extension, the frames are a folder", "[pipelines]") {
  const Output output{{OutputFormat::mp4, OutputFormat::frames, OutputFormat::png}, "", true, "a"};
  std::vector<std::string> names;
  for (const MediaName& media : media_names(output))
    names.push_back(media.name + (media.is_folder ? "/" : ""));
  CHECK(names == std::vector<std::string>{"a.mp4", "a/", "a.png", "a-contact_sheet.png"});
}

TEST_CASE("a name that the file system cannot hold is refused with its length", "[pipelines]") {
  Output output;
  output.formats = {OutputFormat::frames, OutputFormat::mp4};
  output.name = std::string(251, 'x');
  CHECK_NOTHROW(check_media_names(output));
  output.name += "x";
  CHECK_THROWS_WITH(check_media_names(output),
                    Catch::StartsWith("output.name: xxx") &&
                        ContainsSubstring("has 256 bytes, expected at most 255; cut a text, as in "
                                          "{prompt:.40}"));
  output.name = GENERATE("a/b", "..", ".");
  CHECK_THROWS_WITH(check_media_names(output),
                    ContainsSubstring("expected a name without slashes"));
}

}  // namespace
}  // namespace chitu::pipelines
