// SPDX-License-Identifier: GPL-2.0-or-later
#include "render_set.hpp"

#include "killswitchd/net.hpp"
#include "killswitchd/ruleset.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks {

namespace {

std::string element_text(const Endpoint& element, SetKey::Of of) {
    return of == SetKey::Of::address ? element.address.str()
                                     : fmt::format("{} . {} . {}", element.address.str(),
                                                   proto::name(element.protocol), element.port);
}

std::string element_text(const LinkNetwork& element, SetKey::Of of) {
    const std::string network = element.network.address.str();
    const std::string interface = fmt::format("\"{}\"", element.interface);
    return of == SetKey::Of::network     ? network
           : of == SetKey::Of::interface ? interface
                                         : fmt::format("{} . {}", interface, network);
}

std::string type_text(const SetKey& key) {
    const std::string address = key.family == IpFamily::v4 ? "ipv4_addr" : "ipv6_addr";
    switch (key.of) {
    case SetKey::Of::address:
    case SetKey::Of::network:
        return address;
    case SetKey::Of::endpoint:
        return address + " . inet_proto . inet_service";
    case SetKey::Of::interface:
        return "ifname";
    case SetKey::Of::link_network:
        return "ifname . " + address;
    case SetKey::Of::flow:
        return fmt::format("{0} . inet_service . {0} . inet_service", address);
    case SetKey::Of::answer:
        return address + " . inet_service . inet_service";
    case SetKey::Of::packet_type:
        return "pkt_type";
    case SetKey::Of::user:
        return "uid";
    }
    return address;
}

std::string braced(const std::vector<std::string>& elements) {
    return fmt::format("\t\telements = {{ {} }}\n", fmt::join(elements, ",\n\t\t\t     "));
}

/// Those that end within a second have ended by the time that the text is read.
std::string timed_set(const Set& set, const Moment& now) {
    std::vector<std::string> elements;
    for (const TimedElement& element : set.timed) {
        if (const auto left = seconds_left(element, now); left > 0) {
            elements.push_back(fmt::format("{} timeout {}s", element.value, left));
        }
    }
    return fmt::format("\tset {} {{\n\t\ttype {}\n\t\tflags timeout\n{}\t}}\n\n", set.name,
                       type_text(set.key), elements.empty() ? "" : braced(elements));
}

}  // namespace

std::int64_t seconds_left(const TimedElement& element, const Moment& now) {
    using std::chrono::seconds;
    return now ? std::max<std::int64_t>(std::chrono::floor<seconds>(element.until - *now).count(),
                                        0)
               : 0;
}

std::string set_definition(const Set& set, const Moment& now) {
    if (set.key.of == SetKey::Of::answer) {
        return fmt::format("\tset {} {{\n\t\ttype {}\n\t\tsize {}\n\t\tflags dynamic,timeout\n"
                           "\t\ttimeout {}m\n\t\tgc-interval {}s\n\t}}\n\n",
                           set.name, type_text(set.key), kMostAnswers, kAnswerTimeout.count(),
                           kAnswersCollected.count());
    }
    if (set.key.of == SetKey::Of::flow) {
        return fmt::format("\tset {} {{\n\t\ttype {}\n\t\tsize {}\n\t\tflags dynamic,timeout\n"
                           "\t\ttimeout {}s\n\t}}\n\n",
                           set.name, type_text(set.key), kMostFlows,
                           std::chrono::duration_cast<std::chrono::seconds>(kFlowMemory).count());
    }
    if (!set.timed.empty()) {
        return timed_set(set, now);
    }
    std::vector<std::string> elements;
    for (const Endpoint& element : set.elements) {
        elements.push_back(element_text(element, set.key.of));
    }
    for (const LinkNetwork& element : set.networks) {
        elements.push_back(element_text(element, set.key.of));
    }
    return fmt::format("\tset {} {{\n\t\ttype {}\n{}\t}}\n\n", set.name, type_text(set.key),
                       braced(elements));
}

}  // namespace ks
