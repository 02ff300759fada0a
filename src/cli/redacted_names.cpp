// SPDX-License-Identifier: GPL-2.0-or-later
#include "redacted_names.hpp"

#include "killswitchd/links.hpp"
#include "killswitchd/policy.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include <pwd.h>
#include <unistd.h>

namespace ks::cli {

namespace {

/// Names that programs and distributions give, which tell nothing about anybody.
bool is_usual(std::string_view interface) {
    constexpr std::array<std::string_view, 20> kStems{
        "bond", "br",   "docker", "en",  "eth",  "ipsec", "lo", "lxc",  "ppp", "tailscale",
        "tap",  "team", "tun",    "usb", "veth", "virbr", "wg", "wlan", "wl",  "ww"};
    return std::ranges::any_of(kStems, [&](std::string_view stem) {
        const std::string_view rest = interface.substr(std::min(interface.size(), stem.size()));
        const bool counted = std::ranges::all_of(
            rest, [](unsigned char c) { return std::isdigit(c) != 0 || c == '*'; });
        const bool by_place = stem == "en" || stem == "wl" || stem == "ww" || stem == "veth";
        return interface.starts_with(stem) &&
               (counted || (by_place && std::ranges::any_of(rest, [](unsigned char c) {
                                return std::isdigit(c) != 0;
                            })));
    });
}

void hide_interface(Redactor& redactor, std::string name) {
    if (name.ends_with('*')) {
        name.pop_back();
    }
    if (!is_usual(name)) {
        redactor.hide(name, "interface");
    }
}

void hide_people(Redactor& redactor) {
    std::array<char, 256> host{};
    if (::gethostname(host.data(), host.size() - 1) == 0 &&
        std::string_view(host.data()) != "localhost") {
        redactor.hide(host.data(), "machine");
    }
    const passwd* const account = ::getpwuid(::getuid());
    for (const char* const name :
         {account != nullptr ? account->pw_name : nullptr, std::getenv("SUDO_USER")}) {
        if (name != nullptr && std::string_view(name) != "root") {
            redactor.hide(name, "user");
        }
    }
}

}  // namespace

Redactor redacted_names(const World& world) {
    Redactor redactor;
    const Policy& policy = world.state.policy;
    for (const Tunnel& tunnel : policy.tunnels) {
        hide_interface(redactor, tunnel.interface);
        if (!is_usual(tunnel.name)) {
            redactor.hide(tunnel.name, "tunnel");
        }
        for (const std::string& path : tunnel.imports) {
            redactor.hide(std::filesystem::path(path).stem(), "file");
        }
        redactor.hide(tunnel.only.cgroup.value_or(""), "cgroup");
    }
    for (const auto* const names : {&policy.lan.interfaces, &policy.guests.interfaces}) {
        std::ranges::for_each(*names,
                              [&](const std::string& name) { hide_interface(redactor, name); });
    }
    for (const auto* const rules : {&policy.outbound, &policy.inbound}) {
        for (const AllowRule& rule : *rules) {
            hide_interface(redactor, rule.interface);
            redactor.hide(rule.cgroup.value_or(""), "cgroup");
        }
    }
    for (const std::string& path : policy.apps.cgroups) {
        redactor.hide(path, "cgroup");
    }
    if (world.state.links) {
        for (const auto& [index, link] : *world.state.links) {
            hide_interface(redactor, link.name);
        }
    }
    hide_people(redactor);
    return redactor;
}

}  // namespace ks::cli
