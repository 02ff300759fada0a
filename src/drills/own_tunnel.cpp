// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/error.hpp"
#include "killswitchd/lab/lab.hpp"
#include "killswitchd/lab/process.hpp"
#include "killswitchd/lab/tunnel_client.hpp"
#include "killswitchd/lab/tunnel_server.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "vpn.hpp"

#include <memory>
#include <optional>
#include <utility>

namespace ks::drills {

namespace {

class OwnTunnel final : public Vpn {
  public:
    Status start_server(lab::Lab& lab) override {
        auto server = lab::TunnelServer::start(lab);
        if (!server) {
            return std::move(server).error();
        }
        server_.emplace(*std::move(server));
        return Done{};
    }

    Status connect(lab::Lab& lab, const Tunnel& tunnel, const Endpoint& endpoint) override {
        lab::TunnelOptions options;
        options.interface = tunnel.interface;
        options.endpoint = endpoint;
        options.fwmark = tunnel.only.fwmark ? tunnel.only.fwmark->value : 0;
        options.user = tunnel.only.user;
        options.group = tunnel.only.group;
        client_.reset();  // The interface of a client that died must be gone before.
        auto client = lab::TunnelClient::start(lab, options);
        if (!client) {
            return std::move(client).error();
        }
        client_.emplace(*std::move(client));
        return Done{};
    }

    lab::Process* client() override { return client_ ? &client_->process() : nullptr; }

    Status disconnect(lab::Lab& /*lab*/) override {
        return client_ ? client_->disconnect() : Status(Done{});
    }

  private:
    std::optional<lab::TunnelServer> server_;
    std::optional<lab::TunnelClient> client_;
};

}  // namespace

std::unique_ptr<Vpn> own_tunnel() {
    return std::make_unique<OwnTunnel>();
}

}  // namespace ks::drills
