// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <type_traits>

#include <nlohmann/json.hpp>

namespace ks {

/// The member `name` of `object` as the type of `otherwise`, which stands in for anything else.
template <class T>
T member(const nlohmann::json& object, const char* name, T otherwise) {
    const auto found = object.find(name);
    if (found == object.end()) {
        return otherwise;
    }
    if constexpr (std::is_same_v<T, std::string>) {
        return found->is_string() ? found->template get<std::string>() : otherwise;
    } else if constexpr (std::is_same_v<T, bool>) {
        return found->is_boolean() ? found->template get<bool>() : otherwise;
    } else if constexpr (std::is_integral_v<T>) {
        return found->is_number_unsigned() ? found->template get<T>() : otherwise;
    } else {
        return found->is_structured() ? *found : otherwise;
    }
}

}  // namespace ks
