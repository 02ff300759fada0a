// SPDX-License-Identifier: GPL-2.0-or-later
#include "raw_rules.hpp"

#include "every_device_rules.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"
#include "killswitchd/surroundings.hpp"
#include "raw_matches.hpp"
#include "raw_writer.hpp"
#include "sort_unique.hpp"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

namespace ks {

namespace {

/// Writes the chain of one device.
class OneDevice : public RawWriter {
  public:
    OneDevice(Draft& draft, const Uplink& uplink) : RawWriter(draft), uplink_(uplink) {}

    Chain write() {
        for (const std::vector<VlanTag>& tags : uplink_.guest_vlans) {
            add_guest_vlan({}, tags);
        }
        const bool alone = uplink_.above.empty() && !uplink_.of_anybody;
        return {name(), Hook::egress, finish(alone ? Tags::none : Tags::occur),
                Device{uplink_.name, uplink_.index}};
    }

  private:
    /// nft takes letters, digits and a few signs; the kernel lets devices have any. The dot keeps
    /// it from being the chain of a device that is called like a number.
    [[nodiscard]] std::string name() const {
        const bool plain = std::ranges::all_of(uplink_.name, [](unsigned char c) {
            return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.';
        });
        return plain ? fmt::format("egress_{}", uplink_.name)
                     : fmt::format("egress.{}", uplink_.index);
    }

    void add_accept(const Rule& rule) override {
        const auto left =
            at_device(rule.matches, [&](const Match& match, std::vector<Match>& kept) {
                if (const auto* const out = std::get_if<match::OutInterface>(&match)) {
                    return leaves_here(uplink_, *out);
                }
                const auto& set = std::get<match::InSet>(match);
                const std::vector<LinkNetwork> here = elements_here(set);
                if (!here.empty() && set.key.of == SetKey::Of::link_network) {
                    kept.emplace_back(networks_here(set, here));
                }
                return !here.empty();
            });
        if (left) {
            add_with_fragments(*left, rule.comment);
        }
    }

    /// What a set of `output` has about this device, or one whose packets leave by it.
    [[nodiscard]] std::vector<LinkNetwork> elements_here(const match::InSet& in) const {
        std::vector<LinkNetwork> here;
        std::ranges::copy_if(
            set_of(in).networks, std::back_inserter(here), [&](const LinkNetwork& one) {
                return one.interface == uplink_.name || carries(uplink_, one.interface);
            });
        return here;
    }

    /// The set of their networks. The packet no longer has the name of the interface on top.
    match::InSet networks_here(const match::InSet& in, std::vector<LinkNetwork> here) {
        const SetKey key{in.key.family, SetKey::Of::network, in.key.length};
        Set set{fmt::format("{}_at_{}", in.set, uplink_.index), key, {}, std::move(here)};
        match::InSet found{in.far, key, set.name};
        for (LinkNetwork& one : set.networks) {
            one.interface.clear();
        }
        sort_unique(set.networks);
        ensure(std::move(set));
        return found;
    }

    const Uplink& uplink_;
};

}  // namespace

void add_raw_guard(Draft& draft) {
    if (draft.policy.raw == Raw::allow ||
        draft.situation.raw_support == RawSupport::kernel_cannot) {
        return;
    }
    if (draft.situation.raw_support == RawSupport::every_device) {
        add_every_device(draft);
        return;
    }
    for (const Uplink& uplink : draft.situation.around.uplinks) {
        draft.others.push_back(OneDevice(draft, uplink).write());
    }
}

}  // namespace ks
