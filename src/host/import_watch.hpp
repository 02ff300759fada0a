// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "file_watch.hpp"
#include "imports.hpp"
#include "killswitchd/diagnostic.hpp"
#include "killswitchd/endpoints.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/policy.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace ks {

/// Follows the files that a policy imports endpoints from. What a file named last stays known while
/// it is missing, unreadable, not to be trusted or half written.
class ImportWatch {
  public:
    /// What became of one file.
    struct News {
        std::string path;
        std::string change;                ///< See change_between(); empty: the same servers.
        std::vector<Diagnostic> findings;  ///< In the file as it is now.
        std::size_t kept = 0;              ///< Servers that stay although it cannot be used.
    };

    /// Never fails: without inotify files() is what could be read, and problem() says why.
    /// \param before  What was known stays known where a file cannot be used now.
    [[nodiscard]] static ImportWatch open(const Policy& policy, const ImportWatch* before);

    [[nodiscard]] int fd() const noexcept { return changes_.fd(); }  ///< -1: nothing to watch.
    /// Reads what is queued, and every file again. \return what is new.
    [[nodiscard]] std::vector<News> drain();

    /// Each as it was when it could last be used; else as it is.
    [[nodiscard]] const VpnFiles& files() const noexcept { return files_; }
    [[nodiscard]] const VpnFiles& seen() const noexcept { return seen_; }  ///< Each as it is.
    [[nodiscard]] const std::optional<Error>& problem() const noexcept {
        return changes_.problem();
    }

  private:
    VpnFiles files_;
    VpnFiles seen_;  ///< As they were when they were last read.
    FileWatch changes_;
};

}  // namespace ks
