// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ks {

/// Masks what tells who and where somebody is: equal addresses and names get equal stand-ins
/// throughout, so that a text stays readable.
///
/// Addresses are found by themselves: "ip4-1", "private4-1" (see private_space()), "ip6-1",
/// "private6-1", "mac-1". A prefix keeps its length, an endpoint its port. Those that belong to no
/// single host (loopback, multicast, 0.0.0.0, 10.0.0.0/8, ...) stay. An address that a rule has as
/// a number ("0xcb007107") is masked where it was seen before. Host names, which need a dot and a
/// last part of letters, become "host-1"; what follows a slash is part of a path and none.
class Redactor {
  public:
    /// From now on `name`, unless it is a part of a longer word, becomes `kind` and a number:
    /// "user-1". An empty name, and one that is hidden already, changes nothing.
    void hide(const std::string& name, const std::string& kind);
    [[nodiscard]] std::string operator()(std::string_view text);

  private:
    [[nodiscard]] std::string stand_in(const std::string& original, const std::string& kind);
    [[nodiscard]] std::string without_names(std::string_view text) const;
    /// What `word` becomes; `in_path`: it follows a slash.
    [[nodiscard]] std::string replace(const std::string& word, bool in_path);

    std::vector<std::string> hidden_;               ///< By hide().
    std::map<std::string, std::string> stand_ins_;  ///< By what they stand for.
    std::map<std::string, int> count_;              ///< By kind.
};

}  // namespace ks
