// SPDX-License-Identifier: GPL-2.0-or-later
#include "../host/imports.hpp"
#include "../host/machine.hpp"
#include "../host/names.hpp"
#include "../host/ports_watch.hpp"
#include "killswitchd/config.hpp"
#include "killswitchd/diagnostic.hpp"
#include "killswitchd/endpoints.hpp"
#include "killswitchd/escape.hpp"
#include "killswitchd/holes.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/wrap.hpp"
#include "terminal.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks::cli {

namespace {

std::string counted(std::ptrdiff_t number, const char* what) {
    return fmt::format("{} {}{}", number == 0 ? "no" : fmt::format("{}", number), what,
                       number == 1 ? "" : "s");
}

std::vector<std::string> texts_of(const std::vector<IpAddress>& addresses) {
    std::vector<std::string> texts;
    std::ranges::transform(addresses, std::back_inserter(texts), &IpAddress::str);
    return texts;
}

void show_surprises(const std::vector<std::string>& all) {
    constexpr std::size_t kIndent = 4;
    fmt::print("{}", all.empty() ? "" : "on this machine:\n");
    for (const std::string& one : all) {
        fmt::print("{}", wrapped(escaped("  " + one), kIndent));
    }
}

/// The same at reload, at the start of the service and at boot.
const char* when_it_locks(const Policy& policy) {
    return policy.mode == Mode::always
               ? "note: unless disarmed, it locks at the next reload, start of the service or "
                 "boot;\n  `killswitchd disarm` before them keeps it open until `arm`\n"
               : "note: unless disarmed, it locks as soon as a tunnel comes up\n";
}

}  // namespace

int check(const Options& options) {
    const std::string& file = options.file.empty() ? options.paths.config : options.file;
    const LoadedConfig config = load_config(file);
    const VpnFiles files = config.ok() ? read_vpn_files(*config.policy) : VpnFiles{};
    std::vector<Diagnostic> findings = config.diagnostics;
    if (config.ok()) {
        std::ranges::move(findings_in(files, *config.policy), std::back_inserter(findings));
    }
    const PortsFiles port_files = config.ok() ? read_ports_files(*config.policy) : PortsFiles{};
    std::ranges::move(findings_in(port_files), std::back_inserter(findings));
    complain(findings);
    const auto errors =
        std::ranges::count(findings, Diagnostic::Severity::error, &Diagnostic::severity);
    const auto warnings = static_cast<std::ptrdiff_t>(findings.size()) - errors;
    if (errors != 0) {
        fmt::print(stderr, "{}: {}, {}\n", file, counted(errors, "error"),
                   counted(warnings, "warning"));
        return kConfigInvalid;
    }
    const Policy& policy = *config.policy;
    const KnownEndpoints known =
        known_endpoints(policy, learned_endpoints(options.paths, policy, files));
    for (const std::string& hole : holes(policy, known, ports_in(port_files, policy))) {
        fmt::print("hole: {}\n", hole);
    }
    if (const auto names = wanted_names(policy, files); !names.empty()) {
        fmt::print("names: {}; looked up at {} alone, outside the tunnel only while none is up\n",
                   fmt::join(names, ", "), fmt::join(texts_of(policy.bootstrap.servers), ", "));
    }
    for (const std::string& hint : mark_hints(files, policy)) {
        fmt::print("hint: {}\n", hint);
    }
    if (!options.offline) {
        show_surprises(surprises(policy, known, see_machine(policy)));
    }
    if (policy.mode != Mode::off) {
        fmt::print("{}", when_it_locks(policy));
    }
    fmt::print("{}: valid, {}\n", file, counted(warnings, "warning"));
    return kDone;
}

}  // namespace ks::cli
