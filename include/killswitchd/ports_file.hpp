// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/diagnostic.hpp"
#include "killswitchd/policy.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ks {

/// What a file of ports says that may be opened from the VPN's side.
struct PortsFile {
    std::vector<PortSpec> ports;  ///< Sorted, each once; none when the file is broken.
    std::vector<Diagnostic> findings;

    /// Whether it cannot be used: unreadable, or perhaps half written.
    [[nodiscard]] bool broken() const noexcept { return !findings.empty(); }
    friend bool operator==(const PortsFile&, const PortsFile&) = default;
};

inline constexpr std::size_t kMaxPortsFileBytes = 64UL * 1024;
inline constexpr std::size_t kMaxFilePorts = 256;

/// One PORT/PROTOCOL or FIRST-LAST/PROTOCOL a line; '#' begins a comment. Pure.
/// \param path  Named in the findings.
[[nodiscard]] PortsFile parse_ports_file(const std::string& path, std::string_view text);

}  // namespace ks
