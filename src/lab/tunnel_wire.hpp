// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ks::lab {

enum class MessageKind : std::uint8_t { keep_alive = 1, data = 2 };
enum class Transport : std::uint8_t { datagram, stream };

using ByteVector = std::vector<std::uint8_t>;

/// A scrambled message; in a stream, its length in two bytes goes before it.
[[nodiscard]] ByteVector seal(MessageKind kind, std::span<const std::uint8_t> packet,
                              Transport transport);
/// The IP packet in a message; nothing for a keep-alive or for bytes that are no message.
[[nodiscard]] std::optional<ByteVector> unseal(std::span<const std::uint8_t> message);

/// Cuts a byte stream into messages.
class StreamReader {
  public:
    void feed(std::span<const std::uint8_t> bytes,
              const std::function<void(std::span<const std::uint8_t>)>& take);

  private:
    ByteVector pending_;
};

/// Writes messages to a stream and never waits, so that two ends with full buffers cannot wait for
/// each other: what has no room is dropped, as by a full queue, but never in the middle.
class StreamWriter {
  public:
    /// \return false when the stream is broken.
    [[nodiscard]] bool send(int stream, const ByteVector& message);

  private:
    [[nodiscard]] bool flush(int stream);

    ByteVector rest_;  ///< Of a message that had room for its beginning only.
};

inline constexpr std::uint32_t kTunnelMtu = 1400;
inline constexpr std::size_t kMaxMessage = 2048;

/// Creates the tun device `name` in the calling thread's namespace; it lives as long as the
/// descriptor. EBUSY when the name is taken.
[[nodiscard]] Result<Fd> open_tun(const std::string& name);

}  // namespace ks::lab
