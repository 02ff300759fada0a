// SPDX-License-Identifier: GPL-2.0-or-later
#include "keyfile.hpp"

#include "killswitchd/net.hpp"
#include "killswitchd/printable.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

/// Key -> value, of one section.
using Section = std::map<std::string, Piece, std::less<>>;

std::optional<Piece> value_of(const Section& section, std::string_view key) {
    const auto found = section.find(key);
    return found == section.end() ? std::nullopt : std::optional(found->second);
}

bool is_yes(const Section& section, std::string_view key) {
    const auto value = value_of(section, key);
    return value && (value->text == "yes" || value->text == "true" || value->text == "1");
}

void add_wireguard_peer(const Section& peer, Notes& notes) {
    const auto endpoint = value_of(peer, "endpoint");
    if (!endpoint) {
        return;
    }
    const HostAndPort parts = split_port(*endpoint);
    if (!parts.port) {
        notes.error(*endpoint, fmt::format("endpoint {} has no port", in_quotes(endpoint->text)));
    } else if (const auto port = notes.port(*parts.port, parts.port->text)) {
        notes.server(parts.host, {{proto::kUdp, *port}});
    }
}

/// The port of `key`; `otherwise` where there is none.
std::uint16_t port_or(const Section& section, std::string_view key, std::uint16_t otherwise,
                      Notes& notes) {
    const auto value = value_of(section, key);
    return value ? notes.port(*value, value->text).value_or(otherwise) : otherwise;
}

/// HOST, HOST:PORT or HOST:PORT:PROTOCOL, as the plugin of OpenVPN has it.
void add_openvpn_remote(const Piece& remote, Speech speech, Notes& notes) {
    const auto last = remote.text.rfind(':');
    const std::string_view word =
        last == std::string_view::npos ? std::string_view() : remote.text.substr(last + 1);
    const bool named = word.starts_with("udp") || word.starts_with("tcp");
    if (named) {
        speech.protocol = word.starts_with("udp") ? proto::kUdp : proto::kTcp;
    }
    const HostAndPort parts = split_port(named ? remote.part(0, last) : remote);
    if (parts.port && !parts.port->text.empty()) {
        const auto port = notes.port(*parts.port, parts.port->text);
        if (!port) {
            return;
        }
        speech.port = *port;
    }
    notes.server(parts.host, {speech});
}

void add_openvpn(const Section& vpn, Notes& notes) {
    constexpr std::uint16_t kPort = 1194;
    constexpr std::uint16_t kSocksPort = 1080;
    const auto proxy = value_of(vpn, "proxy-server");
    if (proxy && value_of(vpn, "proxy-type")) {
        notes.server(*proxy, {{proto::kTcp, port_or(vpn, "proxy-port", kSocksPort, notes)}});
        return;
    }
    const Speech speech{is_yes(vpn, "proto-tcp") ? proto::kTcp : proto::kUdp,
                        port_or(vpn, "port", kPort, notes)};
    if (const auto remotes = value_of(vpn, "remote")) {
        for (const Piece& remote : split(*remotes, ", \t")) {
            add_openvpn_remote(remote, speech, notes);
        }
    }
}

void add_strongswan(const Section& vpn, Notes& notes) {
    if (const auto address = value_of(vpn, "address")) {
        std::vector<Speech> speech = ipsec_speech();
        if (value_of(vpn, "server-port")) {
            speech = {{proto::kUdp, port_or(vpn, "server-port", 4500, notes)}, {proto::kEsp, 0}};
        }
        notes.server(*address, speech);
    }
}

/// HTTPS, and DTLS at the same port. "gateway" may be a whole URL.
void add_openconnect(const Section& vpn, Notes& notes) {
    constexpr std::uint16_t kHttps = 443;
    const auto gateway = value_of(vpn, "gateway");
    if (!gateway) {
        return;
    }
    const auto scheme = gateway->text.find("://");
    const Piece place = scheme == std::string_view::npos ? *gateway : gateway->part(scheme + 3);
    const HostAndPort parts = split_port(place.part(0, place.text.find('/')));
    const auto port = parts.port ? notes.port(*parts.port, parts.port->text) : kHttps;
    if (port) {
        notes.server(parts.host, {{proto::kTcp, *port}, {proto::kUdp, *port}});
    }
}

void add_vpn(const Section& vpn, Notes& notes) {
    constexpr std::string_view kPrefix = "org.freedesktop.NetworkManager.";
    const auto service = value_of(vpn, "service-type");
    if (!service) {
        return;
    }
    const std::string_view name =
        service->text.substr(service->text.starts_with(kPrefix) ? kPrefix.size() : 0);
    if (name == "openvpn") {
        add_openvpn(vpn, notes);
    } else if (name == "strongswan") {
        add_strongswan(vpn, notes);
    } else if (name == "openconnect") {
        add_openconnect(vpn, notes);
    } else {
        notes.warning(*service, fmt::format("VPNs of type {} are not understood", in_quotes(name)),
                      "write its server among the tunnel's 'endpoints'");
    }
}

}  // namespace

void read_keyfile(const std::vector<Piece>& lines, Notes& notes) {
    constexpr std::string_view kPeer = "wireguard-peer.";
    std::map<std::string, Section, std::less<>> sections;
    Section* current = nullptr;
    for (const Piece& line : lines) {
        if (trimmed(line).text.starts_with('#')) {
            continue;
        }
        if (const auto name = section_of(line)) {
            current = &sections[std::string(name->text)];
        } else if (const auto setting = setting_of(line); setting && current != nullptr) {
            (*current)[std::string(setting->key.text)] = setting->value;
        }
    }
    if (const auto device = value_of(sections["connection"], "interface-name")) {
        notes.file.interface = device->text;
    }
    if (const auto mark = value_of(sections["wireguard"], "fwmark")) {
        if (const auto value = notes.mark(*mark, mark->text)) {
            notes.file.mark = {*value, mark->line, "fwmark"};
        }
    }
    for (const auto& [name, section] : sections) {
        if (name.starts_with(kPeer)) {
            add_wireguard_peer(section, notes);
        }
    }
    add_vpn(sections["vpn"], notes);
}

}  // namespace ks
