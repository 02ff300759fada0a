// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "draft.hpp"
#include "killswitchd/links.hpp"
#include "killswitchd/net.hpp"
#include "killswitchd/ruleset.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ks {

/// Writes a chain at devices from the finished chain `output`.
///
/// Invariant: what `output` accepts towards a device passes there too. So a rule that accepts may
/// become wider, and one that refuses only narrower.
class RawWriter {
  public:
    explicit RawWriter(Draft& draft) : draft_(draft) {}
    RawWriter(const RawWriter&) = delete;
    RawWriter& operator=(const RawWriter&) = delete;
    RawWriter(RawWriter&&) = delete;
    RawWriter& operator=(RawWriter&&) = delete;
    virtual ~RawWriter() = default;

  protected:
    enum class Tags : std::uint8_t { none, occur };

    /// The rules of `output`, what every link needs, and the refusal of the rest.
    std::vector<Rule> finish(Tags tags);
    /// Adds what a rule of `output` that accepts comes to.
    virtual void add_accept(const Rule& rule) = 0;

    void add(Rule rule);
    /// With the same for the later fragments of such packets.
    void add_with_fragments(const std::vector<Match>& matches, const std::string& comment);
    /// Adds to `kept` what stands for a match of Fate::device. \return false: it is never met.
    using AtDevice = std::function<bool(const Match& match, std::vector<Match>& kept)>;
    /// The matches that a packet still has to meet at a device; nothing when it never does.
    [[nodiscard]] static std::optional<std::vector<Match>>
    at_device(const std::vector<Match>& matches, const AtDevice& stand_in);
    /// The frames of a VLAN of guests. `device` tells the device where the chain does not.
    void add_guest_vlan(std::vector<Match> device, const std::vector<VlanTag>& tags);
    /// The set that a rule of `output` names.
    [[nodiscard]] const Set& set_of(const match::InSet& in) const;
    /// Adds a set where there is none of its name.
    void ensure(Set set);
    [[nodiscard]] const Draft& draft() const { return draft_; }
    [[nodiscard]] Draft& draft() { return draft_; }

  private:
    void add_refusal(const Rule& rule);
    void add_fragments(const std::vector<Match>& matches, const std::string& comment);
    std::vector<Match> as_fragment(const std::vector<Match>& matches, IpFamily family);
    match::InSet hosts_of(const match::InSet& endpoints);
    void add_link_layer(Tags tags);

    Draft& draft_;
    std::vector<Rule> rules_;
};

}  // namespace ks
