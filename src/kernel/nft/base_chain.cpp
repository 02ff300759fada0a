// SPDX-License-Identifier: GPL-2.0-or-later
#include "base_chain.hpp"

#include "killswitchd/ruleset.hpp"
#include "objects.hpp"
#include "socket.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <libnftnl/common.h>

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

namespace ks {

namespace {

constexpr std::uint16_t kDeviceName = 1;    // NFTA_DEVICE_NAME
constexpr std::uint16_t kDevicePrefix = 2;  // NFTA_DEVICE_PREFIX

/// What the kernel knows of a base chain beside its rules.
struct Base {
    std::string type;
    std::uint32_t hook = 0;
    std::int32_t priority = 0;
    std::uint32_t policy = NF_ACCEPT;
    std::vector<std::string> devices;  ///< In words; only of netdev.
};

std::string name_in_words(const std::string& name) {
    return fmt::format("\"{}\"", name);
}

std::string prefix_in_words(const std::string& prefix) {
    return prefix.empty() ? "every" : fmt::format("like \"{}\"", prefix);
}

/// After the device is gone there is none before Linux 6.16; later kernels attach the chain by
/// itself to the next of that name.
std::string devices_text(const Base& base, TableFamily family) {
    if (family != TableFamily::netdev) {
        return {};
    }
    return fmt::format(" device {}", base.devices.empty()
                                         ? "nowhere"
                                         : fmt::format("{}", fmt::join(base.devices, ", ")));
}

std::string text_of(const Base& base, TableFamily family) {
    // Source: linux/netfilter.h, enum nf_inet_hooks.
    constexpr std::array<const char*, 5> kInet{"prerouting", "input", "forward", "output",
                                               "postrouting"};
    constexpr std::array<const char*, 5> kArp{"input", "output", "forward", "?", "?"};
    constexpr std::array<const char*, 5> kNetdev{"ingress", "egress", "?", "?", "?"};
    const auto& hooks = family == TableFamily::inet  ? kInet
                        : family == TableFamily::arp ? kArp
                                                     : kNetdev;
    return fmt::format("type {} hook {}{} priority {}; policy {};", base.type,
                       base.hook < hooks.size() ? hooks.at(base.hook) : "?",
                       devices_text(base, family), base.priority,
                       base.policy == NF_DROP ? "drop" : "accept");
}

/// Calls `each` for the attributes inside of another.
void for_each_inside(const nlattr* nest, const std::function<void(const nlattr*)>& each) {
    mnl_attr_parse_nested(
        nest,
        [](const nlattr* attr, void* data) {
            (*static_cast<const std::function<void(const nlattr*)>*>(data))(attr);
            return MNL_CB_OK;
        },
        const_cast<std::function<void(const nlattr*)>*>(&each));
}

void read_devices(const nlattr* nest, Base& base) {
    base.devices.clear();
    for_each_inside(nest, [&](const nlattr* attr) {
        const std::string name = mnl_attr_get_str(attr);
        base.devices.push_back(mnl_attr_get_type(attr) == kDeviceName ? name_in_words(name)
                                                                      : prefix_in_words(name));
    });
}

void read_hook(const nlattr* nest, Base& base) {
    const nlattr* devices = nullptr;
    for_each_inside(nest, [&](const nlattr* attr) {
        switch (mnl_attr_get_type(attr)) {
        case NFTA_HOOK_HOOKNUM:
            base.hook = ntohl(mnl_attr_get_u32(attr));
            break;
        case NFTA_HOOK_PRIORITY:
            base.priority = static_cast<std::int32_t>(ntohl(mnl_attr_get_u32(attr)));
            break;
        case NFTA_HOOK_DEV:
            base.devices = {name_in_words(mnl_attr_get_str(attr))};
            break;
        case NFTA_HOOK_DEVS:
            devices = attr;
            break;
        default:
            break;
        }
    });
    if (devices != nullptr) {  // Says more than NFTA_HOOK_DEV, which comes beside it for one.
        read_devices(devices, base);
    }
}

// Of expressions that are younger than the kernel's headers of Debian 12.
// Source: linux/netfilter/nf_tables.h, enum nft_inner_attributes.
constexpr std::uint16_t kInnerNumber = 1;
constexpr std::uint16_t kInnerType = 2;
constexpr std::uint16_t kInnerFlags = 3;
constexpr std::uint16_t kInnerHeaderSize = 4;
constexpr std::uint16_t kInnerExpression = 5;

/// One expression in a list of them, whose attributes `fill` puts.
void put_expression(nlmsghdr* message, std::uint16_t type, const char* name,
                    const std::function<void()>& fill) {
    nlattr* const expression = mnl_attr_nest_start(message, type);
    mnl_attr_put_strz(message, NFTA_EXPR_NAME, name);
    nlattr* const data = mnl_attr_nest_start(message, NFTA_EXPR_DATA);
    fill();
    mnl_attr_nest_end(message, data);
    mnl_attr_nest_end(message, expression);
}

void put_jump(nlmsghdr* message, const std::string& target) {
    mnl_attr_put_u32(message, NFTA_IMMEDIATE_DREG, htonl(NFT_REG_VERDICT));
    nlattr* const data = mnl_attr_nest_start(message, NFTA_IMMEDIATE_DATA);
    nlattr* const verdict = mnl_attr_nest_start(message, NFTA_DATA_VERDICT);
    mnl_attr_put_u32(message, NFTA_VERDICT_CODE, htonl(static_cast<std::uint32_t>(NFT_JUMP)));
    mnl_attr_put_strz(message, NFTA_VERDICT_CHAIN, target.c_str());
    mnl_attr_nest_end(message, verdict);
    mnl_attr_nest_end(message, data);
}

void put_veil(nlmsghdr* message) {
    constexpr std::uint32_t kVxlan = 1;
    mnl_attr_put_u32(message, kInnerNumber, htonl(0));
    mnl_attr_put_u32(message, kInnerType, htonl(kVxlan));
    mnl_attr_put_u32(message, kInnerFlags, htonl(0));
    mnl_attr_put_u32(message, kInnerHeaderSize, htonl(0));
    put_expression(message, kInnerExpression, "meta", [&] {
        mnl_attr_put_u32(message, NFTA_META_DREG, htonl(NFT_REG_1));
        mnl_attr_put_u32(message, NFTA_META_KEY, htonl(NFT_META_PROTOCOL));
    });
}

/// The attribute of that type inside of another; null where there is none.
const nlattr* inside(const nlattr* nest, std::uint16_t type) {
    const nlattr* found = nullptr;
    if (nest != nullptr) {
        for_each_inside(nest, [&](const nlattr* attr) {
            found = mnl_attr_get_type(attr) == type ? attr : found;
        });
    }
    return found;
}

std::string expression_name(const nlattr* expression) {
    const nlattr* const name = inside(expression, NFTA_EXPR_NAME);
    return name == nullptr ? "" : mnl_attr_get_str(name);
}

/// A message about a chain or rule, in a buffer of its own, as the kernel would send it.
struct Sample {
    Sample(std::uint16_t type, const std::function<void(nlmsghdr*)>& fill)
        : header(nftnl_nlmsg_build_hdr(buffer.data(), type, NFPROTO_NETDEV, 0, 0)) {
        fill(header);
    }
    std::array<char, 1024> buffer{};
    nlmsghdr* header;
};

}  // namespace

std::string describe_base(const Chain& chain) {
    if (!chain.hook) {
        return {};
    }
    Base base{"filter", hook_number(*chain.hook), priority_of(*chain.hook), NF_DROP, {}};
    if (chain.device) {
        base.devices = {at_every_device(chain) ? prefix_in_words({})
                                               : name_in_words(chain.device->name)};
    }
    return text_of(base, family_of(chain));
}

std::string base_in(const nlmsghdr* message, TableFamily family) {
    Base base{"?", 0, 0, NF_ACCEPT, {}};
    bool attached = false;
    for_each_attribute(message, [&](const nlattr* attr) {
        switch (mnl_attr_get_type(attr)) {
        case NFTA_CHAIN_TYPE:
            base.type = mnl_attr_get_str(attr);
            break;
        case NFTA_CHAIN_POLICY:
            base.policy = ntohl(mnl_attr_get_u32(attr));
            break;
        case NFTA_CHAIN_HOOK:
            attached = true;
            read_hook(attr, base);
            break;
        default:
            break;
        }
    });
    return attached ? text_of(base, family) : std::string();
}

void put_hook_at_every_device(nlmsghdr* message, const Chain& chain) {
    nlattr* const hook = mnl_attr_nest_start(message, NFTA_CHAIN_HOOK);
    mnl_attr_put_u32(message, NFTA_HOOK_HOOKNUM, htonl(hook_number(*chain.hook)));
    mnl_attr_put_u32(message, NFTA_HOOK_PRIORITY,
                     htonl(static_cast<std::uint32_t>(priority_of(*chain.hook))));
    nlattr* const devices = mnl_attr_nest_start(message, NFTA_HOOK_DEVS);
    mnl_attr_put_strz(message, kDevicePrefix, "");
    mnl_attr_nest_end(message, devices);
    mnl_attr_nest_end(message, hook);
}

void put_veiled_jump(nlmsghdr* message, const std::string& target) {
    nlattr* const all = mnl_attr_nest_start(message, NFTA_RULE_EXPRESSIONS);
    put_expression(message, NFTA_LIST_ELEM, "immediate", [&] { put_jump(message, target); });
    put_expression(message, NFTA_LIST_ELEM, "inner", [&] { put_veil(message); });
    mnl_attr_nest_end(message, all);
}

std::string veiled_jump(const std::string& target) {
    return fmt::format("[ veiled jump -> {} ]", target);
}

std::string veiled_jump_in(const nlmsghdr* message) {
    std::vector<const nlattr*> expressions;
    for_each_attribute(message, [&](const nlattr* attr) {
        if (mnl_attr_get_type(attr) == NFTA_RULE_EXPRESSIONS) {
            for_each_inside(attr, [&](const nlattr* one) { expressions.push_back(one); });
        }
    });
    if (expressions.size() != 2 || expression_name(expressions[0]) != "immediate" ||
        expression_name(expressions[1]) != "inner") {
        return {};
    }
    const nlattr* const data = inside(inside(expressions[0], NFTA_EXPR_DATA), NFTA_IMMEDIATE_DATA);
    const nlattr* const verdict = inside(data, NFTA_DATA_VERDICT);
    const nlattr* const code = inside(verdict, NFTA_VERDICT_CODE);
    const nlattr* const target = inside(verdict, NFTA_VERDICT_CHAIN);
    const bool jumps = code != nullptr && target != nullptr &&
                       ntohl(mnl_attr_get_u32(code)) == static_cast<std::uint32_t>(NFT_JUMP);
    return jumps ? veiled_jump(mnl_attr_get_str(target)) : std::string();
}

Readers readers_of_every_device() {
    static const Readers readers = [] {
        const Sample chain(NFT_MSG_NEWCHAIN, [](nlmsghdr* message) {
            put_hook_at_every_device(message, {"sample", Hook::egress, {}, Device{}});
        });
        const NftChain read_chain{nftnl_chain_alloc()};
        if (nftnl_chain_nlmsg_parse(chain.header, read_chain.get()) >= 0) {
            return Readers::read_it;
        }
        const Sample rule(NFT_MSG_NEWRULE,
                          [](nlmsghdr* message) { put_veiled_jump(message, "sample"); });
        const NftRule read_rule{nftnl_rule_alloc()};
        return nftnl_rule_nlmsg_parse(rule.header, read_rule.get()) < 0 ? Readers::pass_over_it
                                                                        : Readers::hang;
    }();
    return readers;
}

bool is_veiled(const Chain& chain) {
    return at_every_device(chain) && readers_of_every_device() != Readers::read_it;
}

}  // namespace ks
