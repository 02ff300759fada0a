// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/ports_file.hpp"

#include "killswitchd/printable.hpp"
#include "values.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace ks {

namespace {

/// Without a comment and the space around it.
std::string_view content_of(std::string_view line) {
    constexpr std::string_view kSpace = " \t\r";
    line = line.substr(0, line.find('#'));
    const auto first = line.find_first_not_of(kSpace);
    return first == std::string_view::npos
               ? std::string_view()
               : line.substr(first, line.find_last_not_of(kSpace) - first + 1);
}

Diagnostic finding(const std::string& path, unsigned line, std::string message,
                   std::string_view source) {
    Diagnostic found;
    found.file = path;
    found.line = line;
    found.column = line == 0 ? 0 : 1;
    found.message = std::move(message);
    found.hint = "write one PORT/tcp or PORT/udp a line, such as 51413/tcp";
    found.source = printable(source);
    return found;
}

}  // namespace

PortsFile parse_ports_file(const std::string& path, std::string_view text) {
    PortsFile file;
    unsigned number = 0;
    while (!text.empty() && file.findings.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        ++number;
        const std::string_view content = content_of(line);
        if (content.empty()) {
            continue;
        }
        if (const auto port = parse_ports(content); !port) {
            file.findings.push_back(finding(path, number, port.error().what, line));
        } else if (file.ports.size() == kMaxFilePorts) {
            file.findings.push_back(finding(
                path, number, fmt::format("there are more than {} ports", kMaxFilePorts), line));
        } else {
            file.ports.push_back(*port);
        }
    }
    if (file.broken()) {
        file.ports.clear();
    }
    std::ranges::sort(file.ports);
    const auto repeated = std::unique(file.ports.begin(), file.ports.end());
    file.ports.erase(repeated, file.ports.end());
    return file;
}

}  // namespace ks
