#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace chitu::io {

/// The part of the sentencepiece library that chitu uses.
///
/// It is a separate library, libchitu_sentencepiece.so, opened at first use with its own symbol
/// scope: libsentencepiece and libtorch's libc10 both export a variable FLAGS_minloglevel, of
/// different types, and in a program that links both one overwrites the other's memory.
class SentencePieceModel {
 public:
  virtual ~SentencePieceModel() = default;

  /// Reads a serialized model. Returns the problem, or empty on success.
  virtual std::string load(std::string_view bytes) = 0;
  virtual int eos_id() const = 0;  ///< negative if the model has none
  virtual int pad_id() const = 0;  ///< negative if the model has none
  virtual int piece_size() const = 0;
  virtual bool is_special(int id) const = 0;  ///< a control piece, or the unknown one
  virtual std::string piece(int id) const = 0;
  virtual std::vector<int> encode(std::string_view text) const = 0;
};

/// An empty model.
///
/// throws  Error if the library cannot be opened, or in a build with AddressSanitizer, which has no
///         separate symbol scopes
std::unique_ptr<SentencePieceModel> make_sentencepiece_model();

}  // namespace chitu::io
