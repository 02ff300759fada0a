// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "killswitchd/error.hpp"

#include <cerrno>
#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

#include <sys/mman.h>

namespace ks::lab {

/// One object in memory that this process shares with the children it forks afterwards.
template <class T>
class Shared {
    static_assert(std::is_trivially_destructible_v<T>);

  public:
    [[nodiscard]] static Result<Shared> create() {
        void* const memory = mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE,
                                  MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) {
            return Error{"cannot share memory with the lab's processes", errno};
        }
        // Default-initialised on purpose: the pages are zero, and large arrays stay untouched.
        return Shared(::new (memory) T);
    }
    Shared(const Shared&) = delete;
    Shared& operator=(const Shared&) = delete;
    Shared(Shared&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    Shared& operator=(Shared&& other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    ~Shared() {
        if (object_ != nullptr) {
            munmap(object_, sizeof(T));
        }
    }
    T* operator->() const noexcept { return object_; }
    T& operator*() const noexcept { return *object_; }

  private:
    explicit Shared(T* object) noexcept : object_(object) {}
    T* object_;
};

}  // namespace ks::lab
