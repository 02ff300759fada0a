// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/time.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>

namespace ks {

/// What the administrator asked for, kept in the state directory across reboots.
struct Intents {
    bool disarmed = false;
    bool panic = false;
    /// The lock has been in force since boot and since the last disarm: in `mode: on-drop` a tunnel
    /// has come up, or `arm` was said. Not kept across reboots.
    bool engaged = false;
    /// End of a pause. A moment of another boot is past.
    std::optional<Instant> open_until{};
    /// `arm --confirm`: unless confirmed by then, the machine is disarmed again.
    std::optional<Instant> confirm_by{};
    /// Ends of pauses for one user each.
    std::map<std::uint32_t, Instant> user_pauses{};
    friend bool operator==(const Intents&, const Intents&) = default;
};

namespace request {

struct Arm {
    std::optional<std::chrono::seconds> confirm_within{};
};
struct Confirm {};
struct Disarm {};
/// Ends every lock, a panic too: for whoever removes the program.
struct OpenAll {};
struct Lock {};
struct Unlock {};
struct Pause {
    std::chrono::seconds duration{};
    std::optional<std::uint32_t> user{};  ///< Only this one; absent: everybody.
};
struct Resume {};

}  // namespace request

using Request = std::variant<request::Arm, request::Confirm, request::Disarm, request::OpenAll,
                             request::Lock, request::Unlock, request::Pause, request::Resume>;

/// Why a request is not carried out, and what would make it go. Nothing has changed.
struct Refusal {
    enum class Why : std::uint8_t {
        no_config,  ///< The config cannot be used; its diagnostics say more.
        unsafe,     ///< Refused for safety, or there is nothing that it could apply to.
    } why = Why::unsafe;
    std::string text;
    std::string hint;
};

inline constexpr std::chrono::seconds kLongestPause = std::chrono::hours(24);
/// Users with a pause of their own, at a time.
inline constexpr std::size_t kMostUserPauses = 16;
inline constexpr std::chrono::seconds kLongestConfirmation = std::chrono::hours(1);

/// What is wanted after `request`. Pure; the same with and without a running service.
///
/// \param policy  Null when the config cannot be used: only what needs none is possible then.
/// \param now     The present moment, from which durations count.
[[nodiscard]] Result<Intents, Refusal> apply(Intents intents, const Request& request,
                                             const Policy* policy, const Instant& now);

/// What is wanted once `now` has come: pauses and confirmations that have run out.
[[nodiscard]] Intents expire(Intents intents, const Instant& now);

/// The next moment at which expire() changes something, of those in the boot of `now`.
[[nodiscard]] std::optional<Instant> next_deadline(const Intents& intents, const Instant& now);

/// Whether more may leave with `after` than with `before`. Then the kernel is changed before the
/// disk, else after it: whatever is interrupted in between ends closed.
[[nodiscard]] bool opens(const Intents& before, const Intents& after);

}  // namespace ks
