// SPDX-License-Identifier: GPL-2.0-or-later
#include "raw_matches.hpp"

#include "killswitchd/error.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/surroundings.hpp"

#include <algorithm>
#include <string>
#include <variant>

namespace ks {

bool carries(const Uplink& uplink, const std::string& name) {
    return uplink.of_anybody || std::ranges::find(uplink.above, name) != uplink.above.end();
}

bool leaves_here(const Uplink& uplink, const match::OutInterface& out) {
    const auto fits = [&](const std::string& name) {
        return interface_matches(out.name, name) != out.negated;
    };
    return uplink.of_anybody || fits(uplink.name) || std::ranges::any_of(uplink.above, fits);
}

bool by_interface(const SetKey& key) {
    return key.of == SetKey::Of::interface || key.of == SetKey::Of::link_network;
}

Fate fate_of(const Match& match) {
    return std::visit(
        Overloaded{
            [](const match::OutInterface&) { return Fate::device; },
            [](const match::InSet& m) { return by_interface(m.key) ? Fate::device : Fate::keep; },
            [](const match::InInterface&) { return Fate::never; },
            [](const match::InKind&) { return Fate::never; },
            [](const match::OutKind&) { return Fate::never; },
            [](const match::InGroup&) { return Fate::never; },
            // Only tunnels are told by their group, and no rule stands at a tunnel.
            [](const match::OutGroup& m) { return m.negated ? Fate::forget : Fate::never; },
            [](const match::HasUser&) { return Fate::never; },
            [](const match::Carried&) { return Fate::never; },
            [](const match::InLoopback&) { return Fate::never; },
            [](const match::OutLoopback&) { return Fate::never; },
            [](const match::ArpTarget&) { return Fate::never; },
            [](const match::ToEncrypt&) { return Fate::never; },
            [](const match::Decrypted&) { return Fate::never; },
            [](const match::User&) { return Fate::word; },
            [](const match::Group&) { return Fate::word; },
            [](const match::Cgroup&) { return Fate::word; },
            [](const match::CtEstablished&) { return Fate::forget; },
            [](const match::CtReply&) { return Fate::forget; },
            [](const match::Translated&) { return Fate::forget; },
            [](const match::Family&) { return Fate::keep; },
            [](const match::Source&) { return Fate::keep; },
            [](const match::Destination&) { return Fate::keep; },
            [](const match::Protocol&) { return Fate::keep; },
            [](const match::SourcePort&) { return Fate::keep; },
            [](const match::DestinationPort&) { return Fate::keep; },
            [](const match::IcmpType&) { return Fate::keep; },
            [](const match::IcmpCode&) { return Fate::keep; },
            [](const match::InnerDestination&) { return Fate::keep; },
            [](const match::EtherType&) { return Fate::keep; },
            [](const match::VlanId&) { return Fate::keep; },
            [](const match::SpanningTree&) { return Fate::keep; },
            [](const match::LaterFragment&) { return Fate::keep; },
            [](const match::HopLimit&) { return Fate::keep; },
            [](const match::TcpNotOpening&) { return Fate::keep; },
            [](const match::TcpFlags&) { return Fate::keep; },
            [](const match::Mark&) { return Fate::keep; },
        },
        match);
}

bool of_transport_header(const Match& match) {
    return std::visit(Overloaded{
                          [](const match::SourcePort&) { return true; },
                          [](const match::DestinationPort&) { return true; },
                          [](const match::IcmpType&) { return true; },
                          [](const match::IcmpCode&) { return true; },
                          [](const match::InnerDestination&) { return true; },
                          [](const match::TcpNotOpening&) { return true; },
                          [](const match::TcpFlags&) { return true; },
                          [](const match::InInterface&) { return false; },
                          [](const match::OutInterface&) { return false; },
                          [](const match::InKind&) { return false; },
                          [](const match::OutKind&) { return false; },
                          [](const match::InGroup&) { return false; },
                          [](const match::OutGroup&) { return false; },
                          [](const match::HasUser&) { return false; },
                          [](const match::Carried&) { return false; },
                          [](const match::InLoopback&) { return false; },
                          [](const match::OutLoopback&) { return false; },
                          [](const match::Family&) { return false; },
                          [](const match::Source&) { return false; },
                          [](const match::Destination&) { return false; },
                          [](const match::Protocol&) { return false; },
                          [](const match::CtEstablished&) { return false; },
                          [](const match::CtReply&) { return false; },
                          [](const match::Translated&) { return false; },
                          [](const match::ArpTarget&) { return false; },
                          [](const match::EtherType&) { return false; },
                          [](const match::VlanId&) { return false; },
                          [](const match::SpanningTree&) { return false; },
                          [](const match::LaterFragment&) { return false; },
                          [](const match::HopLimit&) { return false; },
                          [](const match::Mark&) { return false; },
                          [](const match::User&) { return false; },
                          [](const match::Group&) { return false; },
                          [](const match::Cgroup&) { return false; },
                          [](const match::ToEncrypt&) { return false; },
                          [](const match::Decrypted&) { return false; },
                          [](const match::InSet&) { return false; },
                      },
                      match);
}

}  // namespace ks
