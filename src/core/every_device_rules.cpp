// SPDX-License-Identifier: GPL-2.0-or-later
#include "every_device_rules.hpp"

#include "killswitchd/net.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"
#include "killswitchd/surroundings.hpp"
#include "places.hpp"
#include "raw_matches.hpp"
#include "raw_writer.hpp"
#include "sort_unique.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

class EveryDevice : public RawWriter {
  public:
    explicit EveryDevice(Draft& draft) : RawWriter(draft) {
        for (const Uplink& uplink : draft.situation.around.uplinks) {
            if (nameable(uplink.name) && (uplink.of_anybody || !uplink.above.empty())) {
                carriers_.push_back(uplink);
            }
        }
    }

    Chain write() {
        // Order: the packets that there are most of meet the first rules.
        const Situation& situation = draft().situation;
        for (const auto* const tunnels : {&situation.tunnels_up, &situation.carriers}) {
            for (const LiveTunnel& tunnel : *tunnels) {
                add(accept(device_of(tunnel, match::InSet::Far::destination),
                           fmt::format("tunnel {}", name_of(tunnel))));
            }
        }
        add(accept({match::OutLoopback{}}, "loopback"));
        add_inside();
        for (const Uplink& uplink : draft().situation.around.uplinks) {
            for (const std::vector<VlanTag>& vlan : uplink.guest_vlans) {
                if (nameable(uplink.name)) {
                    add_guest_vlan({match::OutInterface{uplink.name}}, vlan);
                }
            }
        }
        return {"egress", std::nullopt, finish(carriers_.empty() ? Tags::none : Tags::occur),
                Device{}};
    }

  private:
    /// A name alone would do for a device that another takes the name of while nobody watches.
    void add_inside() {
        std::map<std::string, std::vector<LinkNetwork>> by_kind;
        for (const InsideDevice& device : draft().situation.around.inside) {
            by_kind[device.kind].push_back({device.name, {}});
        }
        for (const auto& [kind, names] : by_kind) {
            const std::string set = kind.empty() ? "inside" : fmt::format("inside_{}", kind);
            for (Match& name : interfaces(draft(), names, match::InSet::Far::destination, set)) {
                std::vector<Match> into;
                if (!kind.empty()) {
                    into.emplace_back(match::OutKind{kind});
                }
                into.push_back(std::move(name));
                add(accept(std::move(into), "leads inside"));
            }
        }
    }

    void add_accept(const Rule& rule) override {
        const auto as_it_is =
            at_device(rule.matches, [&](const Match& m, std::vector<Match>& kept) {
                const auto* const set = std::get_if<match::InSet>(&m);
                kept.push_back(set == nullptr ? m : Match{with_lower_devices(*set)});
                return true;
            });
        if (!as_it_is) {
            return;
        }
        if (!is_about_inside(rule)) {
            add_with_fragments(*as_it_is, rule.comment);
        }
        if (!has<match::OutInterface>(rule.matches)) {
            return;
        }
        for (const Uplink& uplink : carriers_) {
            add_below(uplink, rule);
        }
    }

    /// Whether a device that leads inside is the only one that a rule may be about: add_inside()
    /// says more of it.
    [[nodiscard]] bool is_about_inside(const Rule& rule) const {
        return std::ranges::any_of(rule.matches, [&](const Match& match) {
            const auto* const out = std::get_if<match::OutInterface>(&match);
            return out != nullptr && !out->negated &&
                   std::ranges::find(draft().situation.around.inside, out->name,
                                     &InsideDevice::name) != draft().situation.around.inside.end();
        });
    }

    /// What a rule about a device on top is for the uplink, where that has another name.
    void add_below(const Uplink& uplink, const Rule& rule) {
        bool by_name = true;
        bool passes = true;
        for (const Match& match : rule.matches) {
            if (const auto* const out = std::get_if<match::OutInterface>(&match)) {
                by_name = by_name && interface_matches(out->name, uplink.name) != out->negated;
                passes = passes && leaves_here(uplink, *out);
            }
        }
        if (by_name || !passes) {
            return;
        }
        bool named = false;
        const auto left = at_device(rule.matches, [&](const Match& m, std::vector<Match>& kept) {
            if (const auto* const set = std::get_if<match::InSet>(&m)) {
                kept.emplace_back(with_lower_devices(*set));
            } else if (!std::exchange(named, true)) {
                kept.emplace_back(match::OutInterface{uplink.name});
            }
            return true;
        });
        if (left) {
            add_with_fragments(*left, rule.comment);
        }
    }

    /// The same set where no device is below one of its own.
    match::InSet with_lower_devices(const match::InSet& in) {
        const Set& set = set_of(in);
        std::vector<LinkNetwork> all = set.networks;
        for (const Uplink& uplink : carriers_) {
            for (const LinkNetwork& one : set.networks) {
                if (carries(uplink, one.interface)) {
                    all.push_back({uplink.name, one.network});
                }
            }
        }
        sort_unique(all);
        if (all == set.networks) {
            return in;
        }
        match::InSet found{in.far, in.key, fmt::format("{}_below", in.set)};
        ensure({found.set, in.key, {}, std::move(all)});
        return found;
    }

    std::vector<Uplink> carriers_;  ///< Of other devices' packets: those that are below some.
};

}  // namespace

void add_every_device(Draft& draft) {
    Chain egress = EveryDevice(draft).write();
    draft.others.push_back(
        {"every_device", Hook::egress, {{{}, {}, Verdict::jump, egress.name, {}}}, Device{}});
    draft.others.push_back(std::move(egress));
}

}  // namespace ks
