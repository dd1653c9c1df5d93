#include <cstdint>
#include <cstdlib>

#include "chitu_core/common/error.h"
#include "chitu_core/io/tokenizer.h"
#include "tests/fuzz/scratch.h"

/// Any bytes, cut at the first zero byte: a tokenizer.json, read or refused, then a text for it.
/// Every id of a text is below vocab_size().
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parts = chitu::fuzz::pieces({reinterpret_cast<const char*>(data), size}, 2);
  chitu::fuzz::write_scratch("tokenizer.json", parts[0]);
  try {
    const auto tokenizer = chitu::io::Tokenizer::load(chitu::fuzz::scratch_folder());
    for (const std::string& text : {parts[1], std::string("a red  circle, 3 \u2603<pad></s>")})
      for (const std::int64_t id : tokenizer->encode(text, 64))
        if (id < 0 || id >= tokenizer->vocab_size()) std::abort();
  } catch (const chitu::InputError&) {
  }
  return 0;
}
