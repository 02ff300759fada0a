// SPDX-License-Identifier: GPL-2.0-or-later
#include "first_config.hpp"

#include "killswitchd/printable.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks {

namespace {

constexpr std::string_view kHead =
    "# Written by `killswitchd init`; killswitchd.yaml(5) explains every key.\n"
    "#   killswitchd check      is it right, and what does it open?\n"
    "#   killswitchd test       prove it on this machine, cuts nothing\n"
    "#   killswitchd arm        from now on, also after a reboot\n"
    "version: 1\n\n"
    "# Blocked unless a tunnel is up, from boot on. `on-drop` is open until one first comes up.\n"
    "mode: always\n\n"
    "tunnels:\n";

constexpr std::string_view kNames =
    "\n# The names of the servers are asked of these two alone, for them alone, while no tunnel is up.\n"
    "# They are published in /etc/hosts, so that the VPN finds its server without DNS.\n"
    "dns:\n"
    "  bootstrap: [9.9.9.9, 149.112.112.112]\n"
    "  hosts: true\n";

/// In double quotes, as YAML has it.
std::string quoted(std::string_view text) {
    std::string all = "\"";
    for (const char c : text) {
        all += c == '"' || c == '\\' ? fmt::format("\\{}", c) : std::string(1, c);
    }
    return all + '"';
}

std::string today(const VpnFile& file) {
    constexpr std::size_t kMostNamed = 2;
    std::vector<std::string> all;
    for (const VpnFile::Server& server : file.servers) {
        all.push_back(server.endpoint.str());
    }
    for (const VpnFile::NamedServer& server : file.names) {
        all.push_back(server.endpoint.str());
    }
    const std::size_t named = std::min(all.size(), kMostNamed);
    const std::size_t rest = all.size() - named;
    all.resize(named);
    return rest == 0 ? fmt::format("{}", fmt::join(all, ", "))
                     : fmt::format("{} and {} more", fmt::join(all, ", "), rest);
}

bool is_known(const FoundVpn& vpn, Choices::Names names) {
    return !vpn.file.servers.empty() ||
           (names == Choices::Names::looked_up && !vpn.file.names.empty());
}

std::string endpoints_text(const FoundVpn& vpn, Choices::Names names) {
    if (is_known(vpn, names)) {
        return fmt::format("    endpoints:\n"
                           "      # Today: {}. Followed when the file changes.\n"
                           "      - import: {}\n",
                           today(vpn.file), quoted(vpn.path));
    }
    std::string text = "    # Where it connects to is not known as an address; without one it "
                       "cannot connect while locked.\n"
                       "    # Write ADDRESS:PORT/udp (or /tcp) into the list, with the address of "
                       "the VPN server.\n";
    std::vector<Diagnostic> findings = vpn.file.findings;
    std::ranges::transform(vpn.file.names, std::back_inserter(findings),
                           &VpnFile::NamedServer::unknown);
    for (const Diagnostic& finding : findings) {
        text += fmt::format("    # {}:{}: {}\n", printable(finding.file), finding.line,
                            finding.message);
    }
    return text + "    endpoints: []\n";
}

std::string only_text(const FoundVpn& vpn) {
    if (const auto& mark = vpn.file.mark) {
        return fmt::format("    # Only packets with the mark that {} sets may go there.\n"
                           "    only: {{ fwmark: 0x{:x} }}\n",
                           mark->by, mark->value);
    }
    return fmt::format("    # Every program may send to the endpoints: the file sets no mark.{}\n",
                       vpn.file.program == VpnProgram::openvpn
                           ? "\n    # Add `mark 4660` to it, and here: only: { fwmark: 4660 }"
                           : "");
}

std::string tunnel_text(const FoundVpn& vpn, std::size_t number, Choices::Names names) {
    std::string text;
    if (vpn.interface.empty()) {
        text = fmt::format("  # IPsec without an interface: what the kernel's policies encrypt.\n"
                           "  - name: ipsec{}\n"
                           "    ipsec: policy\n",
                           number);
    } else {
        text = fmt::format("  # {}{}\n  - interface: {}\n", printable(vpn.program),
                           vpn.file.program == VpnProgram::wireguard
                               ? ". No `kind`: wg-quick may fall back to wireguard-go, a tun."
                               : "",
                           quoted(vpn.interface));
        if (vpn.file.program == VpnProgram::openvpn && vpn.file.interface.empty()) {
            text += fmt::format("    # Its file leaves the number open; write `dev {}` there.\n",
                                vpn.interface);
        }
    }
    return text + endpoints_text(vpn, names) + only_text(vpn);
}

std::string ssh_text(const SshAccess& ssh) {
    return fmt::format("\n# A hole: SSH to this machine outside the tunnel.\n"
                       "allow:\n"
                       "  inbound:\n"
                       "    - {{ from: \"{}\", ports: [{}/tcp] }}\n",
                       ssh.from.str(), ssh.port);
}

}  // namespace

std::string first_config(const Choices& choices) {
    std::string text(kHead);
    for (std::size_t i = 0; i < choices.vpns.size(); ++i) {
        text += tunnel_text(choices.vpns[i], i, choices.names);
    }
    const bool asks = choices.names == Choices::Names::looked_up &&
                      std::ranges::any_of(choices.vpns, [](const FoundVpn& vpn) {
                          return !vpn.file.names.empty();
                      });
    text += asks ? kNames : "";
    text += "\n# No IPv6 but to an IPv6 endpoint; `tunnel` lets it into the tunnel.\n"
            "ipv6: block\n\n";
    text += choices.lan == Choices::Lan::allow
                ? "# A hole: private networks that this machine is on. Names are not asked there.\n"
                  "lan: { allow: true }\n"
                : "# The local network cannot be reached; `true` allows private networks.\n"
                  "lan: { allow: false }\n";
    return choices.ssh ? text + ssh_text(*choices.ssh) : text;
}

}  // namespace ks
