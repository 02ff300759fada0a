// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>

#include <libnftnl/expr.h>

namespace ks {

/// What an expression loads into a register, in nft's words.
struct Operand {
    enum class Type : std::uint8_t {
        host_number,
        wire_number,
        hex,       ///< A number in host order whose bits are flags.
        wire_hex,  ///< Bytes as they are in the packet.
        name,
        address,
        family,
        protocol,
        ether_type,
        index,
        ct_state,
        ct_status,
        tcp_flags,
        direction,
        exists,
    };
    enum class Implies : std::uint8_t { nothing, family, protocol, both };

    std::string text;  ///< "ip daddr"
    Type type = Type::wire_hex;
    Implies implies = Implies::nothing;
    std::uint32_t reg = 0;   ///< Where it is loaded to, or taken from when `sets`.
    bool sets = false;       ///< The expression writes instead of reading: `meta mark set`.
    std::uint32_t bits = 0;  ///< Of an address: all, or as many as its network has.
    std::string data{};      ///< Of a constant, which has no text.
};

/// What the rule asked for before.
struct Context {
    std::uint8_t family = 0;    ///< NFPROTO_*; 0: nothing.
    std::uint8_t protocol = 0;  ///< IPPROTO_*; 0: nothing.
};

/// Of an expression meta, payload, ct, rt, socket, exthdr or fib.
[[nodiscard]] Operand operand_of(const nftnl_expr* expr, const Context& context);
/// Narrows `operand` as a bitwise expression does; both are raw data of the same length.
void apply_mask(Operand& operand, const std::string& mask, const std::string& flipped);
/// "ip daddr != 10.0.0.0/8", `data` being what is compared with.
[[nodiscard]] std::string comparison(const Operand& operand, const std::string& sign,
                                     const std::string& data);
[[nodiscard]] std::string value_text(const Operand& operand, const std::string& data);
/// Of 4 or 16 bytes; of any other number as hex_text().
[[nodiscard]] std::string address_text(const std::string& data);
[[nodiscard]] std::string hex_text(const std::string& data);  ///< "0x0a0b"
/// nft's word for a kind of object: "quota".
[[nodiscard]] std::string object_word(std::uint32_t type);

}  // namespace ks
