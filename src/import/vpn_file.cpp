// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/vpn_file.hpp"

#include "ipsec_conf.hpp"
#include "keyfile.hpp"
#include "notes.hpp"
#include "openvpn.hpp"
#include "piece.hpp"
#include "swanctl.hpp"
#include "wireguard.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

/// Lists of networks are the longest lines that programs write.
constexpr std::size_t kMaxLineBytes = 64UL * 1024;

/// `path` without its directory.
std::string_view name_of(std::string_view path) {
    return path.substr(path.rfind('/') + 1);  // npos + 1 is 0.
}

/// The first line that says something.
Piece first_statement(const std::vector<Piece>& lines) {
    for (const Piece& line : lines) {
        const Piece row = trimmed(line);
        if (!row.text.empty() && row.text.front() != '#' && row.text.front() != ';') {
            return row;
        }
    }
    return {};
}

std::optional<VpnProgram> program_of(std::string_view name, const std::vector<Piece>& lines) {
    const Piece first = first_statement(lines);
    if (name.ends_with(".ovpn")) {
        return VpnProgram::openvpn;
    }
    if (const auto section = section_of(first)) {
        const std::string title = lower_case(section->text);
        return title == "interface" || title == "peer" ? VpnProgram::wireguard
                                                       : VpnProgram::network_manager;
    }
    if (first.text.empty()) {
        return std::nullopt;
    }
    const std::string_view word = first.text.substr(0, first.text.find_first_of(" \t{"));
    if (word == "conn" || name == "ipsec.conf" || first.text.starts_with("config setup")) {
        return VpnProgram::ipsec;
    }
    if (first.text.ends_with('{') || first.text.ends_with('}') || name == "swanctl.conf") {
        return VpnProgram::swanctl;
    }
    return VpnProgram::openvpn;
}

/// Bytes that no text has, and lines that no program writes.
void check_lines(const std::vector<Piece>& lines, Notes& notes) {
    for (const Piece& line : lines) {
        if (line.text.find('\0') != std::string_view::npos) {
            notes.fault(line, "NUL byte: this is not a text file");
            return;
        }
        if (line.text.size() > kMaxLineBytes) {
            notes.fault(line, fmt::format("the line is longer than {} KiB", kMaxLineBytes / 1024));
            return;
        }
    }
}

/// wg-quick calls the interface like the file.
std::string stem_of(std::string_view path) {
    const std::string_view name = name_of(path);
    return std::string(name.substr(0, name.rfind('.')));
}

void read(VpnProgram program, const std::string& path, const std::vector<Piece>& lines,
          Notes& notes) {
    switch (program) {
    case VpnProgram::wireguard:
        notes.file.interface = stem_of(path);
        return read_wireguard(lines, notes);
    case VpnProgram::openvpn:
        return read_openvpn(lines, notes);
    case VpnProgram::network_manager:
        return read_keyfile(lines, notes);
    case VpnProgram::swanctl:
        return read_swanctl(lines, notes);
    case VpnProgram::ipsec:
        return read_ipsec_conf(lines, notes);
    }
}

}  // namespace

std::string_view word(VpnProgram program) noexcept {
    switch (program) {
    case VpnProgram::wireguard:
        return "WireGuard";
    case VpnProgram::openvpn:
        return "OpenVPN";
    case VpnProgram::network_manager:
        return "NetworkManager";
    case VpnProgram::swanctl:
        return "swanctl";
    case VpnProgram::ipsec:
        return "ipsec.conf";
    }
    return "?";
}

bool VpnFile::broken() const noexcept {
    return std::ranges::any_of(findings, [](const Diagnostic& finding) {
        return finding.severity == Diagnostic::Severity::error;
    });
}

VpnFile parse_vpn_file(const std::string& path, std::string_view text) {
    const std::vector<Piece> lines = lines_of(text);
    Notes notes(path, lines);
    check_lines(lines, notes);
    notes.file.program = program_of(name_of(path), lines);
    if (!notes.file.program) {
        notes.fault({}, "holds no settings");
    } else if (!notes.file.broken()) {
        read(*notes.file.program, path, lines, notes);
    }
    return std::move(notes).take();
}

}  // namespace ks
