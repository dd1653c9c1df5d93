#pragma once

#include <string>
#include <string_view>

namespace chitu::config {

/// A decimal number of any length. Conversion from double is exact; a sum is rounded half to even
/// to 28 digits. Hydra's float ranges use the same arithmetic.
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
  int exponent_ = 0;    // the value is digits_ * 10^exponent_
};

}  // namespace chitu::config
