// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include <sys/types.h>

namespace ks::test {

/// How many packets of one kind were tried, and how many of them the rules refused (EPERM).
struct Tally {
    std::atomic<std::uint64_t> tried{0};
    std::atomic<std::uint64_t> refused{0};
    std::atomic<std::uint64_t> failed{0};  ///< Anything else: the test is wrong.
};

/// Where the packets go, and the names of the counters on the far side.
inline constexpr const char* kAllowedAddress = "203.0.113.7";
inline constexpr std::uint16_t kAllowedPort = 51820;
inline constexpr const char* kBlocked4 = "8.8.8.8";
inline constexpr const char* kBlocked6 = "2620:fe::fe";

/// An uplink "up0" in the present network namespace, whose far end counts what arrives.
class Wire {
  public:
    Wire();
    /// Packets that arrived for "allowed", "blocked4", "blocked6" or "other" in all.
    [[nodiscard]] std::uint64_t arrived(const std::string& counter) const;
};

/// A process that sends UDP as fast as it can, in turn to the allowed endpoint and to blocked
/// addresses of both families.
class Flood {
  public:
    Flood();
    ~Flood();
    Flood(const Flood&) = delete;
    Flood& operator=(const Flood&) = delete;
    /// Ends the process; what it sent has arrived by then.
    void stop();
    [[nodiscard]] std::uint64_t tried() const;

    struct Shared {
        std::atomic<bool> stop{false};
        Tally allowed;
        Tally blocked4;
        Tally blocked6;
    };
    [[nodiscard]] const Shared& tallies() const { return *shared_; }

  private:
    Shared* shared_;
    pid_t pid_ = -1;
};

}  // namespace ks::test
