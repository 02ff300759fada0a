// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/diagnostic.hpp"
#include "killswitchd/host_name.hpp"
#include "killswitchd/net.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ks {

/// The programs whose files are understood.
enum class VpnProgram : std::uint8_t { wireguard, openvpn, network_manager, swanctl, ipsec };
[[nodiscard]] std::string_view word(VpnProgram program) noexcept;  ///< "WireGuard", "OpenVPN", ...

/// The mark that a program will set on its encrypted packets.
struct ImpliedMark {
    std::uint32_t value = 0;
    unsigned line = 0;  ///< Of the file, from 1.
    std::string by;     ///< What sets it: "wg-quick", "FwMark", ...
    friend bool operator==(const ImpliedMark&, const ImpliedMark&) = default;
};

/// What the file of a VPN program says about the outside of its tunnel.
struct VpnFile {
    struct Server {
        Endpoint endpoint;
        unsigned line = 0;  ///< From 1.
        friend bool operator==(const Server&, const Server&) = default;
    };
    std::optional<VpnProgram> program;  ///< Absent: of none that is known, which is an error.
    std::vector<Server> servers;        ///< Each once, in the order of the file.
    /// A server of which the file has the name alone.
    struct NamedServer {
        NamedEndpoint endpoint;
        Diagnostic unknown;  ///< What to say where names are not looked up. Has the place.
        friend bool operator==(const NamedServer&, const NamedServer&) = default;
    };
    std::vector<NamedServer> names{};  ///< Each once, in the order of the file.
    std::optional<ImpliedMark> mark;
    std::string interface;  ///< The device that the program makes; empty: the file does not say.
    /// Errors and warnings about places of the file.
    std::vector<Diagnostic> findings;

    /// Whether there is an error: then the file may be half written, and it has no
    /// servers.
    [[nodiscard]] bool broken() const noexcept;
    friend bool operator==(const VpnFile&, const VpnFile&) = default;
};

inline constexpr std::size_t kMaxVpnFileBytes = 1024UL * 1024;
inline constexpr std::size_t kMaxVpnServers = 10'000;

/// Reads what a person or a VPN program wrote: WireGuard (plain and for wg-quick), OpenVPN,
/// keyfiles of NetworkManager, swanctl.conf and ipsec.conf. Pure; files that it includes are not
/// read. \param path  Tells, with the text, which program it belongs to; named in the findings.
/// Source: wg(8), wg-quick(8), openvpn(8), nm-settings-keyfile(5), swanctl.conf(5), ipsec.conf(5).
[[nodiscard]] VpnFile parse_vpn_file(const std::string& path, std::string_view text);

}  // namespace ks
