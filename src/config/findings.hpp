// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/config.hpp"
#include "killswitchd/diagnostic.hpp"
#include "tree.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace ks {

/// Collects the findings about all texts that are parsed together; nothing stops at the first.
class Findings {
  public:
    /// `texts` must outlive the findings.
    explicit Findings(const std::vector<ConfigText>& texts) : texts_(texts) {}

    void error(const Place& at, std::string message, std::string hint = {});
    /// An error about a name of a user or group that cannot be looked up (yet).
    void unknown_name(const Place& at, std::string message, std::string hint);
    void warning(const Place& at, std::string message, std::string hint = {});

    /// Grows with each call of error(), also for what is known already.
    [[nodiscard]] std::size_t errors() const noexcept { return errors_; }
    /// Whether there are errors, and all of them are unknown names.
    [[nodiscard]] bool only_names_unknown() const noexcept {
        return errors_ != 0 && errors_ == unknown_names_;
    }
    /// "line 7", or "FILE line 7" when that is not the file of `from`.
    [[nodiscard]] std::string refer_to(const Place& at, const Place& from) const;
    /// In the order of files, lines and columns; the same finding at the same place once.
    [[nodiscard]] std::vector<Diagnostic> take() &&;

  private:
    struct Finding {
        Place at;
        Diagnostic diagnostic;
    };
    void add(Diagnostic::Severity severity, const Place& at, std::string message, std::string hint);
    [[nodiscard]] std::string source_of(const Place& at) const;

    const std::vector<ConfigText>& texts_;
    std::vector<Finding> findings_;
    std::size_t left_out_ = 0;
    std::size_t errors_ = 0;
    std::size_t unknown_names_ = 0;
};

}  // namespace ks
