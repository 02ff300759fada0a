// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

namespace ks {

/// What the administrator asked for, kept in the state directory across reboots.
struct Intents {
    bool disarmed = false;
    bool panic = false;
    /// `mode: on-drop`: a tunnel has come up, or `arm` was said, since boot and the last disarm.
    bool engaged = false;
    friend bool operator==(const Intents&, const Intents&) = default;
};

}  // namespace ks
