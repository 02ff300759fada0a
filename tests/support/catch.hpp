// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

// Catch2 2.13 has one header, 3.x another; both provide the same macros.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
