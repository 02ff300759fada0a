// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/diagnostic.hpp"
#include "killswitchd/host_name.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/vpn_file.hpp"
#include "piece.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ks {

/// What is spoken at a server.
struct Speech {
    std::uint8_t protocol = proto::kUdp;
    std::uint16_t port = 0;  ///< 0 for kEsp.
};

/// What strongSwan and its like speak, before and behind NAT.
[[nodiscard]] std::vector<Speech> ipsec_speech();

struct HostAndPort {
    Piece host;                 ///< Without brackets.
    std::optional<Piece> port;  ///< As it is written.
};
/// "HOST:PORT", "[IPV6]:PORT", or either without the port; an IPv6 address without brackets is all
/// host.
[[nodiscard]] HostAndPort split_port(const Piece& text);

/// Collects what the reader of one file finds in it.
class Notes {
  public:
    Notes(std::string path, const std::vector<Piece>& lines)
        : path_(std::move(path)), lines_(lines) {}

    /// Shows the line. Only of settings that hold no secret.
    void error(const Piece& at, std::string message, std::string hint = {});
    void warning(const Piece& at, std::string message, std::string hint = {});
    /// An error whose line may hold a secret, and is not shown.
    void fault(const Piece& at, std::string message);

    /// One server, by its address or its name.
    void server(const Piece& at, std::string_view host, const std::vector<Speech>& speech);
    void server(const Piece& host, const std::vector<Speech>& speech);
    /// A port, 1..65535; what is none is an error.
    [[nodiscard]] std::optional<std::uint16_t> port(const Piece& at, std::string_view text);
    /// A mark, decimal or 0x; 0 and `off` are none; what is no number is an error.
    [[nodiscard]] std::optional<std::uint32_t> mark(const Piece& at, std::string_view text);

    VpnFile file;  ///< But for `servers`, `names` and `findings`.

    [[nodiscard]] VpnFile take() &&;

  private:
    void name(const Piece& at, std::string_view host, const std::vector<Speech>& speech);
    [[nodiscard]] Diagnostic finding(Diagnostic::Severity severity, const Piece& at,
                                     std::string message, std::string hint) const;
    void add(Diagnostic::Severity severity, const Piece& at, std::string message, std::string hint);

    std::string path_;
    const std::vector<Piece>& lines_;
    std::set<Endpoint> known_;
    std::set<NamedEndpoint> names_;
};

}  // namespace ks
