// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "file_watch.hpp"
#include "killswitchd/diagnostic.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ports_file.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ks {

/// Path -> what was read there.
using PortsFiles = std::map<std::string, PortsFile>;

/// Every `inbound_file` of `policy`, as it is now; one that does not exist names no port.
[[nodiscard]] PortsFiles read_ports_files(const Policy& policy);
/// What `files` open of the tunnels of `policy`.
[[nodiscard]] OpenPorts ports_in(const PortsFiles& files, const Policy& policy);
/// What is wrong with the files: all of it as warnings, for nothing is opened by it.
[[nodiscard]] std::vector<Diagnostic> findings_in(const PortsFiles& files);

/// Follows the files that name ports to be opened from the VPN's side. What a file named last stays
/// open while it is unreadable, not to be trusted or half written; without the file nothing is.
class PortsWatch {
  public:
    /// What became of one file.
    struct News {
        std::string path;
        std::string change;  ///< "opened 51413/tcp; closed 40000/udp"; empty: the same ports.
        std::vector<Diagnostic> findings;
    };

    /// Never fails: without inotify ports() is what could be read, and problem() says why.
    /// \param before  What was open stays so where a file cannot be used now.
    [[nodiscard]] static PortsWatch open(const Policy& policy, const PortsWatch* before);

    [[nodiscard]] int fd() const noexcept { return changes_.fd(); }  ///< -1: nothing to watch.
    /// Reads what is queued, and every file again. \return what is new.
    [[nodiscard]] std::vector<News> drain();

    /// Each as it was when it could last be used.
    [[nodiscard]] const PortsFiles& files() const noexcept { return files_; }
    [[nodiscard]] const PortsFiles& seen() const noexcept { return seen_; }  ///< Each as it is.
    [[nodiscard]] const std::optional<Error>& problem() const noexcept {
        return changes_.problem();
    }

  private:
    PortsFiles files_;
    PortsFiles seen_;
    FileWatch changes_;
};

}  // namespace ks
