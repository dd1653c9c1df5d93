#pragma once

#include <string>
#include <string_view>

namespace chitu::config {

/// A decimal number of any length. A double converts exactly; a sum is rounded half to even to 28
/// digits, which is the arithmetic that Hydra's float ranges count with.
class Decimal {
 public:
  explicit Decimal(double value);

  /// -1, 0 or 1.
  int compare(const Decimal& other) const;
  Decimal operator+(const Decimal& other) const;
  double to_double() const;

 private:
  Decimal() = default;
  void strip();
  void round();

  bool negative_ = false;
  std::string digits_;  // most significant first, no leading zero; empty for 0
  int exponent_ = 0;    // of ten, for the digits read as an integer
};

}  // namespace chitu::config
