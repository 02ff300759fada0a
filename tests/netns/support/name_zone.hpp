// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/process.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace ks::test {

/// A DNS server in the lab's internet, at an address of its own, whose answers a test chooses.
class NameZone {
  public:
    /// One address of one name. The name of everything else is unknown there.
    struct Record {
        std::string name;
        std::string address;
        unsigned ttl = 60;
    };

    /// Serves UDP on port 53 of `address`. Fails the test when it cannot.
    NameZone(lab::Lab& lab, const char* address, const std::vector<Record>& records);

    /// From now on these, whole.
    void answer(const std::vector<Record>& records);
    /// What was asked so far: "vpn.example.net", once for each question.
    [[nodiscard]] std::vector<std::string> asked() const;
    /// The address from which each of them came.
    [[nodiscard]] std::vector<std::string> askers() const;

  private:
    [[nodiscard]] std::vector<std::string> log(std::size_t word) const;

    std::string file_;
    lab::Process process_;
};

}  // namespace ks::test
