// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "proof.hpp"

#include <string>

namespace ks::proof {

/// One drill as an SVG element: two lanes over time, without and with the lock, and a mark for each
/// probe. Shapes tell as much as colours.
[[nodiscard]] std::string panel(const Played& drill);
/// The styles that panel() and legend() count on, for a <style> element; light and dark.
[[nodiscard]] std::string picture_styles();
/// What the marks mean, in markup of HTML.
[[nodiscard]] std::string legend();

/// All drills with the verdict, as an SVG file of its own.
[[nodiscard]] std::string picture(const Proof& proof);

}  // namespace ks::proof
