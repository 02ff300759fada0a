// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/lab/lab.hpp"

#include "dhcp_server.hpp"
#include "killswitchd/lab/capture.hpp"
#include "killswitchd/lab/frame.hpp"
#include "killswitchd/lab/net_config.hpp"
#include "killswitchd/lab/node.hpp"
#include "killswitchd/lab/process.hpp"
#include "sandbox.hpp"
#include "services.hpp"
#include "topology.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks::lab {

struct Lab::Impl {
    LabOptions options;
    std::shared_ptr<Sandbox> sandbox;
    Nodes nodes;
    std::vector<Process> services;
    std::optional<Capture> capture;
    std::optional<Capture> exit;
};

namespace {

Result<Nodes> create_nodes(const std::shared_ptr<Sandbox>& sandbox) {
    std::vector<Node> made;
    for (const char* const name : {"host", "provider", "vpn", "internet", "guest"}) {
        auto node = Node::create(name, sandbox);
        if (!node) {
            return std::move(node).error();
        }
        made.push_back(*std::move(node));
    }
    return Nodes{std::move(made[0]), std::move(made[1]), std::move(made[2]), std::move(made[3]),
                 std::move(made[4])};
}

Status start_all_services(Nodes& nodes, const LabOptions& options, std::vector<Process>& services) {
    std::vector<std::uint16_t> internet_ports = options.echo_ports;
    internet_ports.insert(internet_ports.end(), {kPushPort, kControlPort});
    const std::vector<std::uint16_t> provider_ports{kDnsPort};
    auto internet = start_services(nodes.internet, internet_ports);
    if (!internet) {
        return std::move(internet).error();
    }
    services.push_back(*std::move(internet));
    auto provider = start_services(nodes.provider, provider_ports);
    if (!provider) {
        return std::move(provider).error();
    }
    services.push_back(*std::move(provider));
    auto dhcp =
        start_dhcp_server(nodes.provider, {provider_end(0), provider_end(1)}, options.dhcp_routes);
    if (!dhcp) {
        return std::move(dhcp).error();
    }
    services.push_back(*std::move(dhcp));
    return Done{};
}

}  // namespace

IpAddress ip(std::string_view text) {
    const auto parsed = IpAddress::parse(text);
    if (!parsed) {
        std::abort();
    }
    return *parsed;
}

Lab::Lab(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Lab::Lab(Lab&&) noexcept = default;
Lab& Lab::operator=(Lab&&) noexcept = default;
Lab::~Lab() = default;

Result<Lab> Lab::build(LabOptions options) {
    if (auto usable = check_endpoints(options.endpoints); !usable) {
        return std::move(usable).error();
    }
    auto sandbox = Sandbox::create();
    if (!sandbox) {
        return std::move(sandbox).error().within("building the lab");
    }
    auto shared = std::make_shared<Sandbox>(*std::move(sandbox));
    auto nodes = create_nodes(shared);
    if (!nodes) {
        return std::move(nodes).error().within("building the lab");
    }
    auto impl = std::unique_ptr<Impl>(
        new Impl{std::move(options), std::move(shared), *std::move(nodes), {}, {}, {}});
    if (auto wired = wire(impl->nodes, impl->options); !wired) {
        return std::move(wired).error().within("building the lab");
    }
    auto capture = Capture::start(impl->nodes.provider,
                                  {{provider_end(0), provider_end(1)}, impl->options.capture_file});
    if (!capture) {
        return std::move(capture).error().within("building the lab");
    }
    impl->capture = *std::move(capture);
    if (impl->options.watch_exit) {
        auto exit = Capture::start(impl->nodes.internet, {{"vpn"}, {}});
        if (!exit) {
            return std::move(exit).error().within("building the lab");
        }
        impl->exit = *std::move(exit);
    }
    if (auto started = start_all_services(impl->nodes, impl->options, impl->services); !started) {
        return std::move(started).error().within("building the lab");
    }
    Lab lab(std::move(impl));
    for (std::size_t number = 0; number < 2 && lab.options().start == Uplinks::configured;
         ++number) {
        if (auto up = lab.configure_uplink(number); !up) {
            return std::move(up).error().within("building the lab");
        }
    }
    return lab;
}

Node& Lab::host() {
    return impl_->nodes.host;
}

Node& Lab::provider() {
    return impl_->nodes.provider;
}

Node& Lab::vpn() {
    return impl_->nodes.vpn;
}

Node& Lab::internet() {
    return impl_->nodes.internet;
}

Node& Lab::guest() {
    return impl_->nodes.guest;
}

Capture& Lab::capture() {
    return *impl_->capture;
}

std::span<const FrameInfo> Lab::exit_frames() const {
    return impl_->exit ? impl_->exit->frames() : std::span<const FrameInfo>();
}

const LabOptions& Lab::options() const {
    return impl_->options;
}

const std::string& Lab::uplink(std::size_t number) const {
    return impl_->options.uplinks.at(number);
}

std::string Lab::scratch() const {
    return impl_->sandbox->scratch();
}

std::string Lab::scratch_from_outside() const {
    return fmt::format("/proc/{}/root{}", impl_->sandbox->init(), impl_->sandbox->scratch());
}

Status Lab::configure_uplink(std::size_t number) {
    return configure_host_uplink(impl_->nodes, impl_->options, number);
}

Status Lab::set_cable(std::size_t number, LinkState state) {
    return state == LinkState::up
               ? plug_cable(impl_->nodes, impl_->options, number)
               : impl_->nodes.provider.net().set_link(provider_end(number), state);
}

Status Lab::return_guest_traffic(GuestReturn way, const std::string& device) {
    return route_guest_back(impl_->nodes, way, device);
}

}  // namespace ks::lab
